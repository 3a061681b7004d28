"""Other tools: the files of Kubernetes, Compose, Copilot and others, and their words for keys of this language.

Each word has the keys to write instead, by their full paths. A test applies every one of them to a spec.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fsdcf.diagnostics import SpecPath
from fsdcf.suggested import suggested


@dataclass(frozen=True)
class Word:
    """A key of another tool: the keys ``to`` write instead, and the reason; without keys, why there is none."""

    to: tuple[str, ...]
    why: str


_ROWS = (
    # Containers
    ("args cmd CMD", "service.command", "the image's CMD as a list; the ENTRYPOINT is `entryPoint`"),
    ("run startCommand start", "service.command", "a list; or change the image's CMD"),
    ("workdir working_dir workingDir cwd", "service.workingDirectory", ""),
    (
        "ports expose containerPort container_port targetPort hostPort nodePort portMappings listenerPort PORT",
        "service.port",
        "the port that the container listens on; the load balancer answers on 80 and 443",
    ),
    (
        "env variables envVars env_vars environmentVariables environment_variables config configMap configs",
        "service.environment",
        "a map of names and values",
    ),
    ("env_file env_files envFile envFrom", "service.environmentFiles", "files with variables"),
    (
        "secret secretKeyRef secretRef ssm parameters parameterStore",
        "service.secrets",
        "a list of `name` and `valueFrom`",
    ),
    (
        "container containers containerDefinitions repository imageUri main",
        "service.image",
        "the repository; `--image-sha` gives the tag",
    ),
    ("initContainers extraContainers additionalContainers", "service.sidecars", "further containers of the task"),
    ("depends_on links", "service.dependsOn", "the order of the containers"),
    (
        "imagePullSecrets imagePullSecret repositoryCredentials credentialsParameter registryCredentials "
        "registry_credentials credentials pullSecret pull_secret registryAuth registry_auth dockerAuth "
        "imagePullCredentials",
        "service.imageCredentials",
        "a secret with the user name and password of a registry; ECR needs none",
    ),
    ("imagePullPolicy pull_policy", "", "leave it out: ECS pulls the image whenever it starts a task"),
    ("registry registry_url registryUrl", "service.image", "the registry is the first part of the repository"),
    ("docker dockerfile buildArgs docker_build", "service.build", "context, dockerfile and args of the image"),
    ("container_name family serviceName service_name hostname service.name", "metadata.name", ""),
    ("terminationGracePeriodSeconds stop_grace_period", "service.stopTimeout", "in seconds"),
    ("init tini", "service.initProcess", ""),
    ("linuxParameters", "service.capabilities service.initProcess service.tmpfs", ""),
    ("cap_add cap_drop kernelCapabilities", "service.capabilities", "a map of `drop` and `add`"),
    ("read_only readonly", "service.readonlyRootFilesystem", ""),
    ("runAsUser runAs uid", "service.user", ""),
    (
        "securityContext podSecurityContext",
        "service.user service.readonlyRootFilesystem service.capabilities",
        "the task runs without privileges, which Fargate does not offer",
    ),
    (
        "privileged devices sysctls pidMode",
        "",
        "leave it out: Fargate does not offer privileges or host devices",
    ),
    ("restart restartPolicy essential", "", "leave it out: ECS always restarts the tasks of a service"),
    (
        "schedule cron cronjobs cronJob jobs",
        "",
        "leave it out: a service runs all the time, and `fsdcf run` starts a one-off task",
    ),
    ("migrate migrations preDeploy releaseCommand release_command hooks", "service.release", ""),
    ("lifecycle preStop", "service.stopTimeout", "the seconds that a task has to end after SIGTERM"),
    ("shm_size sharedMemorySize tmp", "service.tmpfs", "a list of `path` and `size`, in memory"),
    ("dns extra_hosts extraHosts dnsConfig", "", "leave it out: tasks on Fargate use the DNS of their network"),
    ("platformVersion platform_version", "", "leave it out: ECS chooses the latest version of Fargate"),
    (
        "nodeSelector affinity tolerations nodeName placement priorityClassName",
        "",
        "leave it out: Fargate has no nodes to choose or configure",
    ),
    ("kms kmsKey kmsKeyArn kmsKeyId kms_key kms_key_id", "service.encryption", "the key of all that the stack makes"),
    ("outbound egressRules securityGroupEgress networkPolicy", "service.networking.egress", "a list of destinations"),
    ("flow_logs flowLog vpcFlowLogs vpc_flow_logs", "service.networking.vpc.flowLogs", "of a new VPC"),
    # Health checks
    (
        "livenessProbe startupProbe probe probes test",
        "service.healthCheck.container.command",
        "ECS runs it in the container; the load balancer has its own",
    ),
    (
        "readinessProbe health_check_path healthCheckPath healthcheckPath health httpGet",
        "service.healthCheck.path",
        "the load balancer's check; the container's is `healthCheck.container`",
    ),
    (
        "healthCheckGracePeriodSeconds healthCheckGracePeriod grace_period initialDelaySeconds",
        "service.healthCheck.gracePeriod",
        "in seconds",
    ),
    ("periodSeconds", "service.healthCheck.interval", "in seconds"),
    ("timeoutSeconds", "service.healthCheck.timeout", "in seconds"),
    ("failureThreshold", "service.healthCheck.unhealthyThreshold", ""),
    ("successThreshold", "service.healthCheck.healthyThreshold", ""),
    (
        "healthCheck.type healthCheck.host",
        "",
        "leave it out: the load balancer checks each task by HTTP, or by `healthCheck.protocol`",
    ),
    ("healthCheck.url healthCheck.endpoint healthCheck.uri", "service.healthCheck.path", ""),
    (
        "healthCheck.matcher healthCheck.codes healthCheck.success_codes healthCheck.statusCode healthCheck.status",
        "service.healthCheck.successCodes",
        "such as 200 or 200-299",
    ),
    ("start_period", "service.healthCheck.container.startPeriod", "in seconds"),
    ("healthCheck.command", "service.healthCheck.container.command", "ECS runs it in the container"),
    ("healthCheck.retries", "service.healthCheck.container.retries", "or `healthCheck.unhealthyThreshold`"),
    # Size and number of tasks
    (
        "limits requests size instanceConfiguration taskSize resourceLimits",
        "service.resources.cpu service.resources.memory",
        "the size of a task, which has no second limit",
    ),
    (
        "mem memoryLimitMiB memorySize mem_limit memoryReservation memoryLimit memory_limit ram",
        "service.resources.memory",
        "in MiB",
    ),
    ("cpus vcpu cpu_limit cpuLimit", "service.resources.cpu", "1024 units are one vCPU"),
    (
        "replicas count replicaCount instances instanceCount desired_count numTasks tasks",
        "service.resources.desiredCount",
        "or `service.autoScaling` for a number that follows the load",
    ),
    (
        "platform arch runtimePlatform cpuArchitecture architectures",
        "service.resources.architecture",
        "x86_64 or arm64; the operating system is Linux",
    ),
    (
        "storage disk ephemeral",
        "service.resources.ephemeralStorage service.volumes",
        "the disk of a task, and mounted volumes",
    ),
    (
        "launchType capacityProviderStrategy capacityProvider capacityProviders capacity_provider fargateSpot",
        "service.resources.spot",
        "true, or a share of the tasks; without it all tasks run on Fargate",
    ),
    ("gpu gpus instanceType instance_type", "", "leave it out: Fargate has no GPUs and no instance types"),
    # Auto scaling
    (
        "scaling scale hpa autoscale horizontalPodAutoscaler range count_range",
        "service.autoScaling",
        "minCount, maxCount and targetCPU",
    ),
    (
        "resources.min min minReplicas minTasks min_size minSize minInstances autoScaling.minCapacity",
        "service.autoScaling.minCount",
        "",
    ),
    (
        "resources.max max maxReplicas maxTasks max_size maxSize maxInstances autoScaling.maxCapacity",
        "service.autoScaling.maxCount",
        "",
    ),
    (
        "metadata.domain metadata.app metadata.application metadata.title metadata.id",
        "metadata.tags",
        "tags of all resources",
    ),
    (
        "target cpu_percentage averageUtilization targetCPUUtilizationPercentage cpuPercent targetValue "
        "autoScaling.cpu",
        "service.autoScaling.targetCPU",
        "in percent",
    ),
    ("memory_percentage memoryPercent autoScaling.memory", "service.autoScaling.targetMemory", "in percent"),
    ("autoScaling.range", "service.autoScaling.minCount service.autoScaling.maxCount", "numbers of tasks"),
    ("autoScaling.requests autoScaling.rps", "service.autoScaling.targetRequestsPerTask", ""),
    (
        "autoScaling.desired autoScaling.desiredCount autoScaling.count",
        "",
        "leave it out: auto scaling sets the number of tasks",
    ),
    ("autoScaling.enabled", "", "leave it out: a service with `autoScaling` scales"),
    ("cooldown", "service.autoScaling.scaleInCooldown service.autoScaling.scaleOutCooldown", "in seconds"),
    # Network and load balancer
    (
        "http https ingress loadBalancers alb elb expose_http nlb",
        "service.port service.healthCheck.path service.networking.loadBalancer",
        "a service with a port has a load balancer",
    ),
    (
        "protocol",
        "service.networking.loadBalancer.protocol service.networking.loadBalancer.certificateArn",
        "by http or https to the container; to the clients by HTTPS with a certificate",
    ),
    (
        "protocol_version grpc http2",
        "service.networking.loadBalancer.protocolVersion",
        "http1, http2 or grpc",
    ),
    (
        "host alias aliases virtualHost domains customDomain",
        "service.networking.loadBalancer.hosts service.networking.loadBalancer.domain",
        "the host names of its rules; or its domain, with certificate and record",
    ),
    (
        "authentication oidc cognito authenticate",
        "service.networking.loadBalancer.auth",
        "the load balancer signs users in",
    ),
    ("redirect redirect_to", "service.networking.loadBalancer.redirects", "hosts or paths to redirect"),
    ("requests target_requests requestsPerTarget", "service.autoScaling.targetRequestsPerTask", "per minute"),
    ("response_time responseTime", "service.autoScaling.targetResponseTime", "in seconds"),
    (
        "route routes pathPrefix path_pattern rules",
        "service.networking.loadBalancer.paths",
        "paths of the load balancer",
    ),
    (
        "tls ssl cert certificate certificates acm certArn certificate_arn loadBalancer.https",
        "service.networking.loadBalancer.certificateArn",
        "with a certificate the load balancer uses HTTPS",
    ),
    (
        "publicLoadBalancer scheme",
        "service.networking.loadBalancer.internal",
        "true for a load balancer that is not public",
    ),
    (
        "listener listeners targetGroup targetGroups target_group loadBalancer.port loadBalancer.ports networking.port",
        "",
        "leave it out: a service with a `port` has a load balancer, with its listener and target group",
    ),
    (
        "loadBalancer.enabled",
        "",
        "leave it out: a service with a `port` has a load balancer, unless it has `loadBalancer: false`",
    ),
    ("cors rateLimit rate_limit", "", "leave it out: the load balancer does not do that, the service itself has to"),
    (
        "loadBalancer.cidr loadBalancer.cidrs loadBalancer.allow loadBalancer.whitelist loadBalancer.allowlist",
        "service.networking.loadBalancer.allowCidrs",
        "a list of address ranges",
    ),
    ("shared loadBalancer.shared", "service.networking.shared", "`true` joins the environment of its file"),
    ("loadBalancer.sticky loadBalancer.stickySessions", "service.networking.loadBalancer.stickiness", ""),
    ("loadBalancer.logs loadBalancer.access_logs", "service.networking.loadBalancer.accessLogs", ""),
    ("loadBalancer.dns loadBalancer.hostedZone loadBalancer.alias", "service.networking.loadBalancer.domain", ""),
    (
        "loadBalancer.subnets loadBalancer.securityGroups loadBalancer.crossZone",
        "",
        "leave it out: the load balancer has subnets and a security group of its own",
    ),
    ("public", "service.networking.loadBalancer.internal", "a load balancer is public unless this is true"),
    (
        "network networks networkMode network_mode networkConfiguration awsvpcConfiguration taskSubnets vpcSubnets",
        "service.networking",
        "a new VPC by default, or `vpc` with the ids of an existing one",
    ),
    ("vpcId", "service.networking.vpc", "a map with `id`, `privateSubnets` and `publicSubnets`"),
    ("networking.placement", "service.networking.assignPublicIp", "the tasks are in private subnets unless it is true"),
    ("networking.mode", "", "leave it out: tasks on Fargate have a network interface each"),
    ("connect serviceConnectConfiguration cloudMapOptions", "service.networking.serviceConnect", ""),
    ("namespace", "", "leave it out: `--env` selects an environment, whose part of the spec is in `environments`"),
    ("region account aws", "", "leave it out: `--region` and `--profile` select the place of a deploy"),
    ("cluster", "", "leave it out: the stack has a cluster of its own"),
    # Storage
    (
        "volumeMounts mounts mountPoints volume persistentVolumeClaim pvc",
        "service.volumes",
        "with `mountPath`; an aws_efs_file_system dependency keeps files",
    ),
    (
        "volumes.source volumes.target volumes.size volumes.host volumes.hostPath volumes.emptyDir volumes.type "
        "volumes.containerPath volumes.configMap",
        "",
        "write `name` and `mountPath`; a volume without `efs` is empty, and lost with the task",
    ),
    (
        "secrets.key secrets.json_key secrets.jsonKey secrets.arn secrets.path secrets.parameter secrets.secretName "
        "secrets.version secrets.env secrets.secretKeyRef",
        "",
        "write `name` and `valueFrom`; a JSON key follows the secret's name: secretsmanager:prod/db:password",
    ),
    (
        "database databases db cache queue queues bucket buckets table tables topic publish subscribe topics "
        "depends extensions",
        "dependencies",
        "a list of what the service uses, each with `type` and `name`",
    ),
    # Permissions, logs, deployments
    (
        "iam policies policy iamRoleStatements permissions serviceAccount serviceAccountName",
        "service.taskRole.statements",
        "permissions that `dependencies` do not give already",
    ),
    ("managedPolicies managedPolicyArns", "service.taskRole.managedPolicies", "policies of the account or of AWS"),
    (
        "role iamRole taskRoleArn task_role_arn serviceAccountRoleArn",
        "service.taskRole.arn",
        "an existing role; the stack makes one without it",
    ),
    ("executionRoleArn execution_role_arn", "service.executionRole.arn", "an existing role, with which tasks start"),
    ("from_cfn fromCfn", "", "write `${import:EXPORT}` in its place: the export of another stack"),
    (
        "logging logConfiguration log logRetention log_retention",
        "service.observability.logs",
        "CloudWatch Logs with a retention in days",
    ),
    (
        "logs.group logs.stream logs.prefix logs.destination logs.logGroup",
        "",
        "leave it out: the stack has a log group of its own",
    ),
    ("logs.days", "service.observability.logs.retention", "in days"),
    ("monitoring telemetry", "service.observability", "logs, metrics and traces"),
    ("tracing xray otel opentelemetry", "service.observability.traces", ""),
    ("prometheus", "service.observability.metrics", ""),
    ("notifications alerts alerting", "service.observability.alarms", ""),
    ("exec execute_command enableExec execCommand", "service.enableExecuteCommand", ""),
    (
        "deploy",
        "service.resources service.autoScaling service.deployment",
        "the size, the number of tasks, and how a new version replaces the old one",
    ),
    (
        "strategy rollingUpdate update_config deploymentConfiguration rollout updateStrategy",
        "service.deployment",
        "a rolling deployment; the circuit breaker rolls a failure back",
    ),
    ("maxSurge maxHealthyPercent maximum_percent deployment.max", "service.deployment.maximumPercent", ""),
    (
        "maxUnavailable minHealthyPercent minimum_healthy_percent deployment.min",
        "service.deployment.minimumHealthyPercent",
        "",
    ),
    ("deploymentCircuitBreaker rollback circuit_breaker", "service.deployment.circuitBreaker", ""),
    (
        "deployment.type deployment.rolling deployment.canary deployment.blueGreen deployment.bluegreen "
        "deployment.linear",
        "service.deployment.strategy",
        "rolling",
    ),
    (
        "labels annotations tag project cost-center costCenter cost_center department product",
        "metadata.tags",
        "tags of all resources",
    ),
    ("team maintainer maintainers contact author", "metadata.owners", ""),
    ("spec", "service", "the service is one map, without templates in it"),
    ("version imageTag", "", "leave it out: the image's tag is the version; `--image-sha` gives it"),
    ("runtime handler language", "", "leave it out: the image contains the runtime"),
    ("stages profiles envs", "environments", "the parts of the spec that differ"),
    # Keys of dependencies
    (
        "dependencies.lsi dependencies.lsis dependencies.local_secondary_index",
        "dependencies.aws_dynamodb_table.localSecondaryIndexes",
        "a list of `name` and `keySchema`",
    ),
    (
        "dependencies.hashKey dependencies.partitionKey dependencies.primaryKey dependencies.rangeKey "
        "dependencies.sortKey dependencies.hash_key dependencies.range_key dependencies.partition_key "
        "dependencies.sort_key dependencies.primary_key dependencies.attributeDefinition",
        "dependencies.aws_dynamodb_table.keySchema dependencies.aws_dynamodb_table.attributes",
        "the table's key and the types of its attributes",
    ),
    (
        "dependencies.provisionedThroughput dependencies.capacity",
        "dependencies.aws_dynamodb_table.billingMode dependencies.aws_dynamodb_table.readCapacity",
        "with `writeCapacity`; without them the table is billed on demand",
    ),
    (
        "dependencies.encryption dependencies.sse dependencies.sseSpecification dependencies.encrypt",
        "",
        "leave it out: the stack encrypts the data",
    ),
    ("dependencies.versioning", "", "leave it out: the bucket is versioned"),
    (
        "dependencies.public dependencies.publicRead dependencies.public_read dependencies.publicAccess "
        "dependencies.public_access dependencies.public_access_block dependencies.publicAccessBlock dependencies.acl "
        "dependencies.accessControl dependencies.website dependencies.websiteConfiguration dependencies.policy "
        "dependencies.bucketPolicy",
        "dependencies.aws_s3_bucket.distributions",
        "a bucket stays private: CloudFront reads it by origin access control, or the service signs URLs",
    ),
    (
        "dependencies.notification dependencies.notificationConfiguration dependencies.eventNotifications "
        "dependencies.events",
        "dependencies.aws_s3_bucket.notifications",
        "a list of `events` and a `queue` or `topic`",
    ),
    ("dependencies.corsConfiguration dependencies.cors_configuration", "dependencies.aws_s3_bucket.cors", "a list"),
    (
        "dependencies.subscription dependencies.subscribers dependencies.endpoints",
        "dependencies.aws_sns_topic.subscriptions",
        "a list of `queue`, `existingQueue`, `email` or `https`",
    ),
    ("dependencies.pointInTimeRecovery dependencies.pitr", "", "leave it out: the table has point-in-time recovery"),
    (
        "dependencies.deadLetterQueue dependencies.dlq dependencies.redrivePolicy",
        "dependencies.aws_sqs_queue.maxReceiveCount dependencies.aws_sqs_queue.deadLetters",
        "the queue has a dead-letter queue",
    ),
    (
        "dependencies.max_retries dependencies.maxRetries dependencies.retries",
        "dependencies.aws_sqs_queue.maxReceiveCount",
        "",
    ),
    (
        "dependencies.gsi dependencies.gsis dependencies.global_secondary_index",
        "dependencies.aws_dynamodb_table.globalSecondaryIndexes",
        "a list of `name` and `keySchema`",
    ),
    (
        "dependencies.stream_view_type dependencies.streamViewType dependencies.streamSpecification",
        "dependencies.aws_dynamodb_table.stream",
        "such as NEW_IMAGE",
    ),
    (
        "dependencies.expiration dependencies.expireAfterDays dependencies.lifecyclePolicy dependencies.retention",
        "dependencies.aws_s3_bucket.lifecycle",
        "a list of rules such as `expireAfterDays: 30`",
    ),
    ("dependencies.file dependencies.filename dependencies.filePath", "dependencies.sqlite_database.path", ""),
    (
        "dependencies.access dependencies.read_only dependencies.readOnly dependencies.grants",
        "dependencies.aws_sqs_queue.permissions",
        "read, write or readWrite",
    ),
    (
        "dependencies.retain dependencies.deletionPolicy dependencies.deletion_policy dependencies.removalPolicy "
        "dependencies.force_destroy dependencies.deletionProtection",
        "",
        "leave it out: data stays in the account when its stack is deleted",
    ),
    ("dependencies.tags", "metadata.tags", "tags of all resources"),
    (
        "dependencies.password dependencies.masterUserPassword dependencies.master_password "
        "dependencies.masterPassword dependencies.manageMasterUserPassword",
        "",
        "leave it out: RDS makes the password, and the service gets it as a secret",
    ),
    ("dependencies.subnetGroup dependencies.dbSubnetGroupName dependencies.subnets", "service.networking.vpc", ""),
    (
        "dependencies.scaling dependencies.minCapacity dependencies.serverlessV2ScalingConfiguration",
        "dependencies.aws_rds_instance.serverless",
        "as `{min: 0.5, max: 4}`",
    ),
    (
        "dependencies.readReplicas dependencies.replicas dependencies.replicaCount",
        "dependencies.aws_rds_instance.readers",
        "with `serverless`",
    ),
    ("dependencies.mount", "dependencies.aws_efs_file_system.mountPoint", ""),
    (
        "dependencies.arn dependencies.existing dependencies.external",
        "dependencies.aws_sqs_queue.unmanaged",
        "with `permissions`, and the existing resource by `name` or `unmanaged.arn`",
    ),
)
"""Words, the keys to write instead, and the reason; without keys, why there is none."""

WORDS: Mapping[str, Word] = {
    name: Word(tuple(keys.split()), why) for names, keys, why in _ROWS for name in names.split()
}
"""Keys of Kubernetes, Compose, Copilot, ECS, App Runner, SAM, serverless and CDK. A key with dots applies below the key
in front of the dot."""


def _each(meaning: str, words: str) -> dict[str, str]:
    """The words, separated by spaces, with their meaning."""
    return dict.fromkeys(words.split(), meaning)


TYPES: Mapping[str, str] = {
    **_each(
        "aws_rds_instance",
        "aws_rds_cluster aws_db_instance rds postgres postgresql mysql mariadb aurora aws_aurora aws_rds "
        "aws::rds::dbinstance",
    ),
    **_each("aws_dsql_cluster", "dsql aurora_dsql aws_dsql aws::dsql::cluster"),
    **_each(
        "aws_elasticache",
        "redis valkey memcached aws_elasticache_cluster elasticache aws_elasticache_replication_group cache",
    ),
    **_each("aws_msk_cluster", "kafka aws_kafka aws_msk"),
    **_each("kafka_topic", "topic msk_topic aws_msk_topic kafka_topics"),
    **_each("aws_opensearch", "opensearch elasticsearch aws_opensearch_domain aws_elasticsearch_domain search"),
    **_each("aws_dynamodb_table", "table aws_dynamodb aws::dynamodb::table"),
    **_each("aws_s3_bucket", "aws_s3 bucket storage"),
    **_each("aws_sqs_queue", "aws_sqs aws_sqs_fifo"),
    **_each(
        "aws_kinesis_stream", "kinesis aws_kinesis kinesis_stream stream aws_kinesis_data_stream aws::kinesis::stream"
    ),
    **_each("aws_sns_topic", "aws_sns pubsub"),
    **_each("aws_efs_file_system", "aws_efs volume nfs"),
    **_each("aws_secretsmanager_secret", "secret aws_secret aws_secretsmanager"),
    **_each("", "database db cluster file key aws system fetch instance"),
}
"""Words for dependency types, in lower case; the empty type is not a guess but none."""

VALUES: Mapping[str, str] = {
    **_each("x86_64", "amd64 x64 x86 linux/amd64 linux/x86_64 intel"),
    **_each("arm64", "aarch64 linux/arm64 arm graviton"),
    **_each("ecs", "fargate ecs-fargate aws-ecs container"),
    **_each("application", "alb http https"),
    **_each("rolling", "rollingupdate recreate"),
    **_each("awslogs", "cloudwatch json-file aws-logs"),
    **_each("perZone", "per_zone multi"),
    **_each("forever", "never infinite unlimited indefinite always"),
    **_each("S", "string str text"),
    **_each("N", "number int integer"),
    **_each("B", "binary bytes"),
    **_each("HASH", "partition partitionkey pk"),
    **_each("RANGE", "sort sortkey sk"),
    **_each("PAY_PER_REQUEST", "on-demand ondemand on_demand serverless"),
    **_each("fsd/v1", "v1 fsd fsd/v1.0 fsd/v2 1 1.0"),
    "one per zone": "perZone",
    "never expire": "forever",
}
"""Values of other tools, in lower case, each with the value of this language."""


def words_at(path: SpecPath) -> Word | None:
    """Return the meaning of another tool's key at a path: what it means below the key above it, or anywhere."""
    name = str(path[-1])
    above = next((step for step in reversed(path[:-1]) if isinstance(step, str)), "")
    if path[:1] == ("dependencies",) and len(path) > 1:
        return WORDS.get(f"dependencies.{name}")
    return WORDS.get(f"{above}.{name}") or WORDS.get(name)


# Whole files


@dataclass(frozen=True)
class ForeignFile:
    """A file of another tool: how it is recognized by its keys, what it is, and what to do instead.

    ``imported``: `fsdcf import` writes its spec.
    """

    title: str
    matches: Callable[[Mapping[Any, Any]], object]
    advice: str = ""
    imported: bool = False

    def hint(self, name: str) -> str:
        """What to do instead with the file of this name."""
        return f"`{suggested('import', name)}` writes the spec" if self.imported else self.advice


def _is_map(data: Mapping[Any, Any], key: str) -> bool:
    return isinstance(data.get(key), dict)


def _is_kubernetes(data: Mapping[Any, Any]) -> bool:
    return "kind" in data and bool(data.keys() & {"apiVersion", "spec"}) and "service" not in data


def _is_compose(data: Mapping[Any, Any]) -> bool:
    """Return whether a file has a map of services, or is one itself, as in the first version of Compose."""
    if data.keys() & {"apiVersion", "provider"}:
        return False
    bare = all(isinstance(each, dict) and each.keys() & {"image", "build"} for each in data.values())
    return _is_map(data, "services") or bool(data and bare)


def _is_copilot(*kinds: str) -> Callable[[Mapping[Any, Any]], object]:
    return lambda data: str(data.get("type")).endswith(kinds) and "apiVersion" not in data


_BEGIN = "`fsdcf init my-service` writes a spec; move "

_ECS = "; `fsdcf init my-service` writes a spec for a container that runs on ECS with Fargate"
PLATFORMS: Mapping[str, str] = {
    "eks": "fsdcf does not deploy to Kubernetes: keep it on EKS with Helm or Argo CD" + _ECS,
    "lambda": "fsdcf does not deploy functions: use AWS SAM for it, or put it into a container" + _ECS,
    "ec2": "fsdcf does not manage instances: use an Auto Scaling group in a template of CloudFormation" + _ECS,
    "flink": "fsdcf does not deploy to Managed Service for Apache Flink: use CloudFormation's"
    " AWS::KinesisAnalyticsV2::Application" + _ECS,
    "helm": "fsdcf does not install charts: use `helm upgrade --install`" + _ECS,
    "sagemaker": "fsdcf does not deploy models: use an endpoint of SageMaker, made with CloudFormation or its SDK"
    + _ECS,
}
"""What to do instead with a document of the flat dialect, by its platform: those that fsdcf does not deploy to."""

OTHER_PLATFORM = "fsdcf does not deploy to this platform, but to ECS with Fargate" + _ECS
"""What to do instead with a document for a platform that has no sentence of its own."""

ON_ECS = frozenset(
    ("ecs", "fargate", "ecs_fargate", "aws_ecs", "ecs_ec2", "ecs_service", "container", "batch", "aws_batch")
)
"""The platforms of the flat dialect whose documents become specs; those for AWS Batch become jobs."""
_OTHER_NAMES = {
    **dict.fromkeys(("kubernetes", "k8s", "aws_eks"), "eks"),
    **dict.fromkeys(("aws_lambda", "serverless", "function"), "lambda"),
    **dict.fromkeys(("aws_ec2", "asg"), "ec2"),
    **dict.fromkeys(("kinesis_analytics", "managed_flink", "apache_flink"), "flink"),
    "aws_sagemaker": "sagemaker",
    "aws_batch": "batch",
}


def platform_of(data: Mapping[Any, Any], around: Mapping[Any, Any] | None = None) -> str:
    """The platform of a document of the flat dialect, or of the document around it; ecs without one."""
    given = data.get("platform") or (around or {}).get("platform") or "ecs"
    name = str(given).strip().strip("\"'").lower().replace("-", "_").replace(" ", "_")
    return _OTHER_NAMES.get(name, name)


def is_flat(data: Mapping[Any, Any]) -> bool:
    """Whether a document is one of the flat dialect: with a name and a platform at its top, or a list of such."""
    if data.keys() & {"apiVersion", "metadata", "kind"}:
        return False
    several = data.get("services")
    if isinstance(several, (list, dict)) and "name" not in data:
        return _holds_flat(several, data)
    return _is_word(data.get("name")) and _is_word(data.get("platform"))


def _is_word(value: Any) -> bool:
    return bool(value) and isinstance(value, (str, int, float)) and not isinstance(value, bool)


def _holds_flat(several: Any, around: Mapping[Any, Any]) -> bool:
    """Whether ``services`` has documents of the flat dialect, and not services of Compose."""
    items = [each for each in (several.values() if isinstance(several, dict) else several) if isinstance(each, dict)]
    known = PLATFORMS.keys() | ON_ECS
    named = "platform" in around and platform_of(around) in known
    return bool(items) and all(named or ("platform" in each and platform_of(each) in known) for each in items)


def _of_platform(platform: str) -> Callable[[Mapping[Any, Any]], object]:
    return lambda data: is_flat(data) and platform_of(data) == platform


FILES = (
    *(
        ForeignFile(f"a document of the flat dialect for {platform}", _of_platform(platform), advice)
        for platform, advice in PLATFORMS.items()
    ),
    ForeignFile(
        "a document of the flat dialect for another platform",
        lambda data: is_flat(data) and platform_of(data) not in ON_ECS,
        OTHER_PLATFORM,
    ),
    ForeignFile("a document of the flat dialect of FSD", is_flat, imported=True),
    ForeignFile(
        "a Helm chart",
        lambda data: str(data.get("apiVersion")) in ("v1", "v2") and {"name", "version"} <= data.keys(),
        "`fsdcf init my-service` writes a spec; the chart's values have the image, the port and the size",
    ),
    ForeignFile(
        "a kustomization.yaml",
        lambda data: (
            data.get("kind") == "Kustomization"
            or ("kind" not in data and data.keys() & {"bases", "patchesStrategicMerge"})
            or ("kind" not in data and isinstance(data.get("resources"), list))
        ),
        "`fsdcf init my-service` writes a spec; the parts of it that differ go to `environments`",
    ),
    ForeignFile(
        "a Kubernetes manifest",
        _is_kubernetes,
        _BEGIN + "`image` to `service.image` without its tag, `containerPort` to `service.port`, `env` to"
        " `service.environment`, `replicas` to `service.resources.desiredCount`, `limits` to `service.resources`,"
        " `livenessProbe` to `service.healthCheck.container`",
    ),
    ForeignFile(
        "the manifest of a Copilot environment",
        _is_copilot("Environment"),
        imported=True,
    ),
    ForeignFile(
        "the manifest of a Copilot job",
        _is_copilot("Scheduled Job"),
        imported=True,
    ),
    ForeignFile(
        "the manifest of a Copilot static site",
        _is_copilot("Static Site"),
        "fsdcf deploys containers: build an image that serves the files; `fsdcf init my-service` writes its spec",
    ),
    ForeignFile(
        "the manifest of a Copilot pipeline",
        lambda data: {"source", "stages"} <= data.keys() and "apiVersion" not in data,
        imported=True,
    ),
    ForeignFile(
        "a Copilot manifest",
        _is_copilot("Web Service", "Backend Service", "Worker Service"),
        imported=True,
    ),
    ForeignFile(
        "a Docker Compose file",
        _is_compose,
        imported=True,
    ),
    ForeignFile(
        "an ECS task definition",
        lambda data: (
            data.keys() & {"containerDefinitions", "ContainerDefinitions", "taskDefinition", "task_definition"}
        ),
        imported=True,
    ),
    ForeignFile(
        "a SAM template",
        lambda data: "Serverless" in str(data.get("Transform")) or ("Globals" in data and "Resources" in data),
        _BEGIN + "the variables to `service.environment`, `Policies` to `service.taskRole.statements`, tables, queues,"
        " topics and buckets to `dependencies`; the code becomes an image",
    ),
    ForeignFile(
        "a CloudFormation template",
        lambda data: (
            "AWSTemplateFormatVersion" in data or (_is_map(data, "Resources") and "AWS::" in str(data["Resources"]))
        ),
        _BEGIN + "the container to `service.image`, `service.port` and `service.environment`, its task's size to"
        " `service.resources`, tables, queues, topics and buckets to `dependencies`; fsdcf writes the template."
        " A spec adds other resources as they are: name the file in its `addons`",
    ),
    ForeignFile(
        "a serverless.yml",
        lambda data: "provider" in data and data.keys() & {"functions", "service", "frameworkVersion"},
        _BEGIN
        + "`provider.environment` to `service.environment`, `provider.iam` to `service.taskRole.statements`, tables,"
        " queues, topics and buckets to `dependencies`; the functions become one image",
    ),
    ForeignFile(
        "an apprunner.yaml",
        lambda data: "runtime" in data and "version" in data and "run" in data,
        imported=True,
    ),
    ForeignFile(
        "a Helm values file",
        lambda data: _is_map(data, "image") and data.keys() & {"replicaCount", "nameOverride", "fullnameOverride"},
        _BEGIN
        + "`image.repository` to `service.image`, `replicaCount` to `service.resources.desiredCount`, `service.port` to"
        " `service.port`, `resources` to `service.resources`",
    ),
    ForeignFile(
        "a GitHub Actions workflow",
        lambda data: _is_map(data, "jobs") and "apiVersion" not in data,
        "`fsdcf ci github` writes a workflow for the specs of a repository, and `fsdcf init my-service` writes a spec",
    ),
    ForeignFile(
        "a CodeBuild or CodeDeploy file",
        lambda data: "version" in data and data.keys() & {"phases", "hooks", "Resources"},
        "`fsdcf init my-service` writes a spec, and `fsdcf deploy` deploys it",
    ),
)
"""The files that are recognized, the more specific ones first."""

_TOP_LEVEL = re.compile(r"^([A-Za-z][\w-]*):(.*)", re.MULTILINE)
_IN_LIST = re.compile(r"^[ -] ([A-Za-z][\w-]*):(.*)", re.MULTILINE)
_JSON_KEY = re.compile(r'^[ \t]*"(containerDefinitions|taskDefinition|AWSTemplateFormatVersion)"\s*:', re.MULTILINE)


def recognized(data: Mapping[Any, Any] | None, text: str) -> ForeignFile | None:
    """Return which file of another tool a document is; None for any other. ``data`` is None if the text cannot be read
    as YAML: then the names at the beginning of its lines decide."""
    if data is None:
        keys = _IN_LIST if text.startswith("- ") else _TOP_LEVEL
        data = {key: value.strip() or {} for key, value in keys.findall(text)} | dict.fromkeys(
            _JSON_KEY.findall(text), ""
        )
    if str(data.get("apiVersion")).strip("\"'").startswith("fsd"):
        return None
    return next((file for file in FILES if file.matches(data)), None)
