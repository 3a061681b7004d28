"""Other tools: the files of Kubernetes, Compose, Copilot and others, and their words for keys of this language.

Each word has the keys to write instead, by their full paths. A test applies every one of them to a spec.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from fsdcf.diagnostics import SpecPath

Meaning = TypeVar("Meaning")


@dataclass(frozen=True)
class Word:
    """A key of another tool: the keys to write instead, separated by spaces, and the reason; without keys, why there is
    none."""

    keys: str = ""
    why: str = ""

    @property
    def to(self) -> tuple[str, ...]:
        """The keys to write instead."""
        return tuple(self.keys.split())


_LB = "service.networking.loadBalancer"
_NO_NODES = "leave it out: Fargate has no nodes to choose or configure"
_ALWAYS = "leave it out: ECS always restarts the tasks of a service"
_STATEMENTS = Word("service.taskRole.statements", "permissions that `dependencies` do not give already")
_ENVIRONMENT = Word("service.environment", "a map of names and values")
_SECRETS = Word("service.secrets", "a list of `name` and `valueFrom`")
_COUNT = Word("service.resources.desiredCount", "or `service.autoScaling` for a number that follows the load")
_PORT = Word("service.port", "the port that the container listens on; the load balancer answers on 80 and 443")
_CHECK = Word("service.healthCheck.container.command", "ECS runs it in the container; the load balancer has its own")
_HOSTS = Word(f"{_LB}.hosts", "host names of the load balancer")
_CERTIFICATE = Word(f"{_LB}.certificateArn", "with a certificate the load balancer uses HTTPS")
_STORE = Word("dependencies", "a list of what the service uses, each with `type` and `name`")
_SIDECARS = Word("service.sidecars", "further containers of the task")
_TAGS = Word("metadata.tags", "tags of all resources")
_SCALING = Word("service.autoScaling", "minCount, maxCount and targetCPU")
_SIZE = Word("service.resources.cpu service.resources.memory", "the size of a task, which has no second limit")
_ARCHITECTURE = Word("service.resources.architecture", "x86_64 or arm64; the operating system is Linux")
_VOLUMES = Word("service.volumes", "with `mountPath`; an aws_efs_file_system dependency keeps files")
_LOGS = Word("service.observability.logs", "CloudWatch Logs with a retention in days")
_SPOT = Word("service.resources.spot", "true, or a share of the tasks; without it all tasks run on Fargate")
_IMAGE = Word("service.image", "the repository; `--image-sha` gives the tag")
_PULL = Word("", "leave it out: the execution role pulls from ECR, so keep the image there")
_ROUTES = Word(f"{_LB}.paths", "paths of the load balancer")
_SECURITY = Word(
    "service.user service.readonlyRootFilesystem", "the task runs without privileges, which Fargate does not offer"
)
_NO_PRIVILEGES = Word("", "leave it out: Fargate does not offer privileges or host devices")
_NETWORK = Word("service.networking", "a new VPC by default, or `vpc` with the ids of an existing one")
_BUILD = Word("service.build", "context, dockerfile and args of the image")
_INDEX = Word(
    "dependencies.aws_dynamodb_table.keySchema dependencies.aws_dynamodb_table.attributes",
    "the table's key and the types of its attributes",
)
_CAPACITY = Word(
    "dependencies.aws_dynamodb_table.billingMode dependencies.aws_dynamodb_table.readCapacity",
    "with `writeCapacity`; without them the table is billed on demand",
)


def _each(meaning: Meaning, words: str) -> dict[str, Meaning]:
    """The words, separated by spaces, with their meaning."""
    return dict.fromkeys(words.split(), meaning)


WORDS: Mapping[str, Word] = {
    # Containers
    **_each(Word("service.command", "the image's CMD as a list; the ENTRYPOINT is `entryPoint`"), "args cmd CMD"),
    **_each(Word("service.command", "a list; or change the image's CMD"), "run startCommand start"),
    **_each(Word("service.workingDirectory"), "workdir working_dir workingDir cwd"),
    **_each(_PORT, "ports expose containerPort container_port targetPort hostPort nodePort"),
    **_each(_PORT, "portMappings listenerPort PORT"),
    **_each(_ENVIRONMENT, "env variables envVars env_vars environmentVariables environment_variables config"),
    **_each(_ENVIRONMENT, "configMap configs"),
    **_each(Word("service.environmentFiles", "files with variables"), "env_file env_files envFile envFrom"),
    **_each(_SECRETS, "secret secretKeyRef secretRef ssm parameters parameterStore"),
    **_each(_IMAGE, "container containers containerDefinitions repository imageUri main"),
    **_each(_SIDECARS, "initContainers extraContainers additionalContainers"),
    **_each(Word("service.dependsOn", "the order of the containers"), "depends_on links"),
    **_each(_PULL, "imagePullSecrets imagePullPolicy pull_policy repositoryCredentials registry credentials"),
    **_each(_BUILD, "docker dockerfile buildArgs docker_build"),
    **_each(Word("metadata.name"), "container_name family serviceName service_name hostname"),
    **_each(Word("service.stopTimeout", "in seconds"), "terminationGracePeriodSeconds stop_grace_period"),
    **_each(Word("service.initProcess"), "init tini linuxParameters"),
    **_each(Word("service.readonlyRootFilesystem"), "read_only readonly"),
    **_each(Word("service.user"), "runAsUser runAs uid"),
    **_each(_SECURITY, "securityContext podSecurityContext"),
    **_each(_NO_PRIVILEGES, "privileged cap_add cap_drop capabilities devices sysctls pidMode"),
    **_each(Word("", _ALWAYS), "restart restartPolicy essential"),
    **_each(
        Word("", "leave it out: a service runs all the time, and `fsdcf run` starts a one-off task"),
        "schedule cron cronjobs cronJob jobs",
    ),
    **_each(Word("service.release"), "migrate migrations preDeploy releaseCommand release_command hooks"),
    **_each(Word("service.stopTimeout", "the seconds that a task has to end after SIGTERM"), "lifecycle preStop"),
    **_each(Word("service.tmpfs", "a list of `path` and `size`, in memory"), "shm_size sharedMemorySize tmp"),
    **_each(
        Word("", "leave it out: tasks on Fargate use the DNS of their network"), "dns extra_hosts extraHosts dnsConfig"
    ),
    **_each(Word("", "leave it out: ECS chooses the latest version of Fargate"), "platformVersion platform_version"),
    "service.name": Word("metadata.name"),
    **_each(Word("", _NO_NODES), "nodeSelector affinity tolerations nodeName placement priorityClassName"),
    # Health checks
    **_each(_CHECK, "livenessProbe startupProbe probe probes test"),
    **_each(
        Word("service.healthCheck.path", "the load balancer's check; the container's is `healthCheck.container`"),
        "readinessProbe health_check_path healthCheckPath healthcheckPath health httpGet",
    ),
    **_each(
        Word("service.healthCheck.gracePeriod", "in seconds"),
        "healthCheckGracePeriodSeconds healthCheckGracePeriod grace_period initialDelaySeconds",
    ),
    "periodSeconds": Word("service.healthCheck.interval", "in seconds"),
    "timeoutSeconds": Word("service.healthCheck.timeout", "in seconds"),
    "failureThreshold": Word("service.healthCheck.unhealthyThreshold"),
    "successThreshold": Word("service.healthCheck.healthyThreshold"),
    **_each(
        Word("", "leave it out: the load balancer checks the port of the service"),
        "healthCheck.port healthCheck.type healthCheck.host",
    ),
    **_each(Word("service.healthCheck.path"), "healthCheck.url healthCheck.endpoint healthCheck.uri"),
    **_each(
        Word("service.healthCheck.successCodes", "such as 200 or 200-299"),
        "healthCheck.matcher healthCheck.codes healthCheck.success_codes healthCheck.statusCode healthCheck.status",
    ),
    "start_period": Word("service.healthCheck.container.startPeriod", "in seconds"),
    "healthCheck.protocol": Word("", "leave it out: the load balancer checks by HTTP"),
    "healthCheck.command": Word("service.healthCheck.container.command", "ECS runs it in the container"),
    "healthCheck.retries": Word("service.healthCheck.container.retries", "or `healthCheck.unhealthyThreshold`"),
    # Size and number of tasks
    **_each(_SIZE, "limits requests size instanceConfiguration taskSize resourceLimits"),
    **_each(
        Word("service.resources.memory", "in MiB"),
        "mem memoryLimitMiB memorySize mem_limit memoryReservation memoryLimit memory_limit ram",
    ),
    **_each(Word("service.resources.cpu", "1024 units are one vCPU"), "cpus vcpu cpu_limit cpuLimit"),
    **_each(_COUNT, "replicas count replicaCount instances instanceCount desired_count numTasks tasks"),
    **_each(_ARCHITECTURE, "platform arch runtimePlatform cpuArchitecture architectures"),
    **_each(
        Word("service.resources.ephemeralStorage service.volumes", "the disk of a task, and mounted volumes"),
        "storage disk ephemeral",
    ),
    **_each(
        _SPOT, "launchType capacityProviderStrategy capacityProvider capacityProviders capacity_provider fargateSpot"
    ),
    **_each(Word("", "leave it out: Fargate has no GPUs and no instance types"), "gpu gpus instanceType instance_type"),
    # Auto scaling
    **_each(_SCALING, "scaling scale hpa autoscale horizontalPodAutoscaler range count_range"),
    "resources.min": Word("service.autoScaling.minCount"),
    "resources.max": Word("service.autoScaling.maxCount"),
    **_each(_TAGS, "metadata.domain metadata.app metadata.application metadata.title metadata.id"),
    **_each(Word("service.autoScaling.minCount"), "min minReplicas minTasks min_size minSize minInstances"),
    **_each(Word("service.autoScaling.maxCount"), "max maxReplicas maxTasks max_size maxSize maxInstances"),
    **_each(
        Word("service.autoScaling.targetCPU", "in percent"),
        "target cpu_percentage averageUtilization targetCPUUtilizationPercentage cpuPercent targetValue",
    ),
    **_each(Word("service.autoScaling.targetMemory", "in percent"), "memory_percentage memoryPercent"),
    "autoScaling.cpu": Word("service.autoScaling.targetCPU", "in percent"),
    "autoScaling.memory": Word("service.autoScaling.targetMemory", "in percent"),
    **_each(Word("service.autoScaling.minCount service.autoScaling.maxCount", "numbers of tasks"), "autoScaling.range"),
    "autoScaling.minCapacity": Word("service.autoScaling.minCount"),
    "autoScaling.maxCapacity": Word("service.autoScaling.maxCount"),
    **_each(Word("service.autoScaling.targetRequestsPerTask"), "autoScaling.requests autoScaling.rps"),
    **_each(
        Word("", "leave it out: auto scaling sets the number of tasks"),
        "autoScaling.desired autoScaling.desiredCount autoScaling.count",
    ),
    "autoScaling.enabled": Word("", "leave it out: a service with `autoScaling` scales"),
    "cooldown": Word("service.autoScaling.scaleInCooldown service.autoScaling.scaleOutCooldown", "in seconds"),
    # Network and load balancer
    **_each(
        Word(f"service.port service.healthCheck.path {_LB}", "a service with a port has a load balancer"),
        "http https ingress loadBalancers alb elb expose_http nlb",
    ),
    "protocol": Word("", "leave it out: a service with a `port` is served by HTTP, and by HTTPS with a certificate"),
    **_each(_HOSTS, "host alias aliases virtualHost domains customDomain"),
    **_each(_ROUTES, "route routes pathPrefix path_pattern rules"),
    **_each(_CERTIFICATE, "tls ssl cert certificate certificates acm certArn certificate_arn loadBalancer.https"),
    "publicLoadBalancer": Word(f"{_LB}.internal", "true for a load balancer that is not public"),
    **_each(
        Word("", "leave it out: a service with a `port` has a load balancer, with its listener and target group"),
        "listener listeners targetGroup targetGroups target_group loadBalancer.port loadBalancer.ports "
        "loadBalancer.enabled networking.port",
    ),
    **_each(
        Word("", "leave it out: the load balancer does not do that, the service itself has to"),
        "cors rateLimit rate_limit",
    ),
    **_each(
        Word(f"{_LB}.allowCidrs", "a list of address ranges"),
        "loadBalancer.cidr loadBalancer.cidrs loadBalancer.allow loadBalancer.whitelist loadBalancer.allowlist",
    ),
    **_each(Word(f"{_LB}.stickiness"), "loadBalancer.sticky loadBalancer.stickySessions"),
    **_each(Word(f"{_LB}.accessLogs"), "loadBalancer.logs loadBalancer.access_logs"),
    **_each(Word(f"{_LB}.domain"), "loadBalancer.dns loadBalancer.hostedZone loadBalancer.alias"),
    **_each(
        Word("", "leave it out: the load balancer has subnets and a security group of its own"),
        "loadBalancer.subnets loadBalancer.securityGroups loadBalancer.crossZone loadBalancer.name",
    ),
    "scheme": Word(f"{_LB}.internal", "true for a load balancer that is not public"),
    "public": Word(f"{_LB}.internal", "a load balancer is public unless this is true"),
    **_each(_NETWORK, "network networks networkMode network_mode networkConfiguration awsvpcConfiguration"),
    **_each(_NETWORK, "taskSubnets vpcSubnets"),
    "vpcId": Word("service.networking.vpc", "a map with `id`, `privateSubnets` and `publicSubnets`"),
    "networking.placement": Word(
        "service.networking.assignPublicIp", "the tasks are in private subnets unless it is true"
    ),
    "networking.mode": Word("", "leave it out: tasks on Fargate have a network interface each"),
    **_each(Word("service.networking.serviceConnect"), "connect serviceConnectConfiguration cloudMapOptions"),
    "namespace": Word("", "leave it out: `--env` selects an environment, whose part of the spec is in `environments`"),
    **_each(Word("", "leave it out: `--region` and `--profile` select the place of a deploy"), "region account aws"),
    "cluster": Word("", "leave it out: the stack has a cluster of its own"),
    # Storage
    **_each(_VOLUMES, "volumeMounts mounts mountPoints volume persistentVolumeClaim pvc"),
    **_each(
        Word("", "write `name` and `mountPath`; a volume without `efs` is empty, and lost with the task"),
        "volumes.source volumes.target volumes.size volumes.host volumes.hostPath volumes.emptyDir volumes.type "
        "volumes.containerPath volumes.configMap",
    ),
    **_each(
        Word("", "write `name` and `valueFrom`; a JSON key follows the secret's name: secretsmanager:prod/db:password"),
        "secrets.key secrets.json_key secrets.jsonKey secrets.arn secrets.path secrets.parameter secrets.secretName "
        "secrets.version secrets.env secrets.secretKeyRef",
    ),
    **_each(
        _STORE,
        "database databases db cache queue queues bucket buckets table tables topic publish subscribe "
        "topics depends addons extensions",
    ),
    # Permissions, logs, deployments
    **_each(
        _STATEMENTS,
        "role iam iamRole taskRoleArn policies policy iamRoleStatements permissions serviceAccount "
        "serviceAccountName serviceAccountRoleArn managedPolicies",
    ),
    **_each(Word("service.executionRole.statements", "permissions to start the tasks"), "executionRoleArn"),
    **_each(_LOGS, "logging logConfiguration log logRetention log_retention"),
    **_each(
        Word("", "leave it out: the stack has a log group of its own"),
        "logs.group logs.stream logs.prefix logs.destination logs.logGroup",
    ),
    "logs.days": Word("service.observability.logs.retention", "in days"),
    **_each(Word("service.observability", "logs, metrics and traces"), "monitoring telemetry"),
    **_each(Word("service.observability.traces"), "tracing xray otel opentelemetry"),
    **_each(Word("service.observability.metrics"), "prometheus"),
    **_each(Word("service.observability.alarms"), "notifications alerts alerting"),
    **_each(Word("service.enableExecuteCommand"), "exec execute_command enableExec execCommand"),
    "deploy": Word(
        "service.resources service.autoScaling service.deployment",
        "the size, the number of tasks, and how a new version replaces the old one",
    ),
    **_each(
        Word("service.deployment", "a rolling deployment; the circuit breaker rolls a failure back"),
        "strategy rollingUpdate update_config deploymentConfiguration rollout updateStrategy",
    ),
    **_each(Word("service.deployment.maximumPercent"), "maxSurge maxHealthyPercent maximum_percent"),
    **_each(
        Word("service.deployment.minimumHealthyPercent"), "maxUnavailable minHealthyPercent minimum_healthy_percent"
    ),
    **_each(Word("service.deployment.circuitBreaker"), "deploymentCircuitBreaker rollback circuit_breaker"),
    **_each(Word("service.deployment.maximumPercent"), "deployment.max"),
    **_each(Word("service.deployment.minimumHealthyPercent"), "deployment.min"),
    **_each(
        Word("service.deployment.strategy", "rolling"),
        "deployment.type deployment.rolling deployment.canary deployment.blueGreen deployment.bluegreen "
        "deployment.linear",
    ),
    **_each(_TAGS, "labels annotations tag project cost-center costCenter cost_center department product"),
    **_each(Word("metadata.owners"), "team maintainer maintainers contact author"),
    "spec": Word("service", "the service is one map, without templates in it"),
    **_each(Word("", "leave it out: the image's tag is the version; `--image-sha` gives it"), "version imageTag"),
    **_each(Word("", "leave it out: the image contains the runtime"), "runtime handler language"),
    **_each(Word("environments", "the parts of the spec that differ"), "overrides stages profiles envs"),
    # Keys of dependencies
    "dependencies.localSecondaryIndexes": Word(
        "dependencies.aws_dynamodb_table.globalSecondaryIndexes",
        "DynamoDB adds a local index to a new table alone",
    ),
    "dependencies.tableClass": Word("", "leave it out: tables have the class STANDARD"),
    **_each(
        _INDEX,
        "dependencies.hashKey dependencies.partitionKey dependencies.primaryKey dependencies.rangeKey "
        "dependencies.sortKey dependencies.hash_key dependencies.range_key dependencies.partition_key "
        "dependencies.sort_key dependencies.primary_key dependencies.attributeDefinition",
    ),
    **_each(_CAPACITY, "dependencies.provisionedThroughput dependencies.capacity"),
    **_each(
        Word("", "leave it out: the stack encrypts the data"),
        "dependencies.encryption dependencies.sse dependencies.sseSpecification dependencies.encrypt",
    ),
    **_each(Word("", "leave it out: the bucket is private and versioned"), "dependencies.versioning dependencies.acl"),
    **_each(
        Word("", "leave it out: the table has point-in-time recovery"),
        "dependencies.pointInTimeRecovery dependencies.pitr",
    ),
    **_each(
        Word("dependencies.aws_sqs_queue.maxReceiveCount", "the queue has a dead-letter queue"),
        "dependencies.deadLetterQueue dependencies.dlq dependencies.redrivePolicy",
    ),
    **_each(
        Word("dependencies.aws_sqs_queue.maxReceiveCount"),
        "dependencies.max_retries dependencies.maxRetries dependencies.retries",
    ),
    **_each(
        Word("dependencies.aws_dynamodb_table.globalSecondaryIndexes", "a list of `name` and `keySchema`"),
        "dependencies.gsi dependencies.gsis dependencies.global_secondary_index",
    ),
    **_each(
        Word("dependencies.aws_dynamodb_table.stream", "such as NEW_IMAGE"),
        "dependencies.stream_view_type dependencies.streamViewType dependencies.streamSpecification",
    ),
    **_each(
        Word("dependencies.aws_s3_bucket.lifecycle", "a list of rules such as `expireAfterDays: 30`"),
        "dependencies.expiration dependencies.expireAfterDays dependencies.lifecyclePolicy dependencies.retention",
    ),
    **_each(Word("dependencies.sqlite_database.path"), "dependencies.file dependencies.filename dependencies.filePath"),
    **_each(
        Word("dependencies.aws_sqs_queue.permissions", "read, write or readWrite"),
        "dependencies.access dependencies.read_only dependencies.readOnly dependencies.grants",
    ),
    **_each(
        Word("", "leave it out: data stays in the account when its stack is deleted"),
        "dependencies.retain dependencies.deletionPolicy dependencies.deletion_policy dependencies.removalPolicy "
        "dependencies.force_destroy dependencies.deletionProtection",
    ),
    "dependencies.tags": Word("metadata.tags", "tags of all resources"),
    "dependencies.mount": Word("dependencies.aws_efs_file_system.mountPoint"),
    **_each(
        Word("dependencies.aws_sqs_queue.unmanaged", "with `permissions`, and `name` for the existing resource"),
        "dependencies.arn dependencies.existing dependencies.external",
    ),
}
"""Keys of Kubernetes, Compose, Copilot, ECS, App Runner, SAM, serverless and CDK. A key with dots applies below the key
in front of the dot."""

TYPES: Mapping[str, str] = {
    **_each(
        "aws_rds_instance",
        "aws_rds_cluster aws_db_instance rds postgres postgresql mysql mariadb aurora aws_aurora aws_rds "
        "aws::rds::dbinstance",
    ),
    **_each(
        "aws_elasticache",
        "redis valkey memcached aws_elasticache_cluster elasticache aws_elasticache_replication_group cache",
    ),
    **_each("aws_msk_cluster", "kafka aws_kafka aws_msk"),
    **_each("aws_dynamodb_table", "table aws_dynamodb aws::dynamodb::table"),
    **_each("aws_s3_bucket", "aws_s3 bucket storage"),
    **_each("aws_sqs_queue", "aws_sqs aws_sqs_fifo"),
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
    """A file of another tool: how it is recognized by its keys, what it is, and what to do instead."""

    title: str
    matches: Callable[[Mapping[Any, Any]], object]
    advice: str


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


def _is_copilot(kinds: str) -> Callable[[Mapping[Any, Any]], object]:
    pattern = re.compile(rf".*({kinds})")
    return lambda data: pattern.fullmatch(str(data.get("type"))) and "apiVersion" not in data


_BEGIN = "`fsdcf init my-service` writes a spec; move "

FILES = (
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
        "each service has a network and a cluster of its own, or an existing network in `service.networking.vpc`;"
        " `fsdcf init my-service` writes the spec of a service",
    ),
    ForeignFile(
        "the manifest of a Copilot job",
        _is_copilot("Scheduled Job"),
        "jobs are not implemented yet: `fsdcf run` starts a one-off task of a service, and `fsdcf init my-service`"
        " writes the spec of a service; leave out its `port` for a worker",
    ),
    ForeignFile(
        "the manifest of a Copilot static site",
        _is_copilot("Static Site"),
        "fsdcf deploys containers: build an image that serves the files; `fsdcf init my-service` writes its spec",
    ),
    ForeignFile(
        "the manifest of a Copilot pipeline",
        lambda data: {"source", "stages"} <= data.keys() and "apiVersion" not in data,
        "`fsdcf ci github` writes a workflow for the specs of a repository, and `fsdcf init my-service` writes a spec",
    ),
    ForeignFile(
        "a Copilot manifest",
        _is_copilot("Web Service|Backend Service|Worker Service"),
        _BEGIN + "`image.port` to `service.port`, `http.healthcheck` to `service.healthCheck`, `cpu` and `memory` to"
        " `service.resources`, `count` to `service.resources.desiredCount` or `service.autoScaling`, `variables` to"
        " `service.environment`, `secrets` to `service.secrets`, `environments` to `environments`",
    ),
    ForeignFile(
        "a Docker Compose file",
        _is_compose,
        _BEGIN + "one service at a time: `image` to `service.image` without its tag, the container's port in `ports` to"
        " `service.port`, `environment` to `service.environment`, `healthcheck.test` to"
        " `service.healthCheck.container.command`, and databases and queues to `dependencies`",
    ),
    ForeignFile(
        "an ECS task definition",
        lambda data: (
            data.keys() & {"containerDefinitions", "ContainerDefinitions", "taskDefinition", "task_definition"}
        ),
        _BEGIN + "`containerDefinitions[].image` to `service.image` without its tag, `portMappings` to `service.port`,"
        " `cpu` and `memory` to `service.resources`, `environment` to `service.environment`, `secrets` to"
        " `service.secrets`",
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
        " `service.resources`, tables, queues, topics and buckets to `dependencies`; fsdcf writes the template",
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
        _BEGIN + "`run.network.port` to `service.port`, `run.command` to `service.command`, `run.env` to"
        " `service.environment`, `run.secrets` to `service.secrets`; build the image with a Dockerfile",
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
