"""Compose: every key of the specification has a row, files are merged as Compose does, and secrets stay out."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fsdcf.importers import ImportResult, formats
from fsdcf.importers.compose import PROJECT
from fsdcf.importers.compose.images import VERSIONS, ComposeRole, known_image
from fsdcf.importers.compose.plan import mount_of, ports_of
from fsdcf.importers.compose.variables import interpolate, read_variables
from fsdcf.importers.report import Treatment
from fsdcf.importers.source import Source
from fsdcf.language.foreign import FILES
from fsdcf.pipeline import Request, SourceFile, run
from tests.fuzz import examples
from tests.importers.conftest import Imports, outcomes
from tests.language.test_foreign import FOREIGN, VARIANTS

DEVICE = "capabilities count device_ids driver options"
SERVICE = {
    "": "annotations attach blkio_config build cap_add[] cap_drop[] cgroup cgroup_parent command configs "
    "container_name cpu_count cpu_percent cpu_shares cpu_quota cpu_period cpu_rt_period cpu_rt_runtime cpus "
    "cpuset device_cgroup_rules devices dns dns_opt dns_search domainname entrypoint env_file env_file[] "
    "label_file environment expose[] extends external_links[] extra_hosts gpus group_add hostname image init ipc "
    "isolation labels links[] mac_address mem_limit mem_reservation mem_swappiness memswap_limit network_mode "
    "models networks[] oom_kill_disable oom_score_adj pid pids_limit platform ports[] post_start pre_stop "
    "privileged profiles pull_policy pull_refresh_after read_only restart runtime scale security_opt shm_size "
    "secrets[] sysctls stdin_open stop_grace_period stop_signal storage_opt tmpfs tmpfs[] tty use_api_socket user "
    "uts userns_mode volumes[] volumes_from[] working_dir develop",
    "build": "context dockerfile dockerfile_inline entitlements args ssh labels cache_from cache_to no_cache"
    " additional_contexts network pull target shm_size extra_hosts isolation privileged secrets[] tags ulimits"
    " platforms[]",
    "credential_spec": "config file registry",
    "depends_on": "*",
    "depends_on.*": "restart required condition",
    "env_file[]": "path required format",
    "extends": "service file",
    "provider": "type options",
    "gpus[]": DEVICE,
    "healthcheck": "disable interval retries test timeout start_period start_interval",
    "logging": "driver options",
    "models.*": "endpoint_var",
    "networks": "*",
    "networks.*": "aliases[] interface_name ipv4_address ipv6_address link_local_ips mac_address driver_opts priority"
    " gw_priority",
    "ports[]": "name mode host_ip target published protocol app_protocol",
    "secrets[]": "source target uid gid mode",
    "ulimits": "*",
    "ulimits.*": "hard soft",
    "volumes[]": "type source target read_only consistency",
    "volumes[].bind": "propagation create_host_path recursive selinux",
    "volumes[].volume": "labels nocopy subpath",
    "volumes[].tmpfs": "size mode",
    "volumes[].image": "subpath",
    "deploy": "mode endpoint_mode replicas labels.*",
    "deploy.rollback_config": "parallelism delay failure_action monitor max_failure_ratio order",
    "deploy.update_config": "parallelism delay failure_action monitor max_failure_ratio order",
    "deploy.resources.limits": "cpus memory pids",
    "deploy.resources.reservations": "cpus memory",
    "deploy.resources.reservations.generic_resources[].discrete_resource_spec": "kind value",
    "deploy.resources.reservations.devices[]": DEVICE,
    "deploy.restart_policy": "condition delay max_attempts window",
    "deploy.placement": "constraints max_replicas_per_node",
    "deploy.placement.preferences[]": "spread",
}
"""The keys of a service in https://github.com/compose-spec/compose-spec/blob/main/schema/compose-spec.json."""
TOP = "version name include[] networks.* volumes.* secrets.* configs.* models.*"

SHOP = """
services:
  web:
    build: .
    ports: ["8080:8000"]
    environment:
      DB_HOST: db
      DB_PASSWORD: ${DB_PASSWORD}
      TOKEN_OF_OTHERS: ${DB_PASSWORD}
      URL: postgres://app:never-in-a-spec@db:5432/shop
      CACHE: redis://cache:6379/0
      API: http://api_v2:9000/v1
    command: ["serve", "--password", "never-in-a-spec"]
    depends_on: {db: {condition: service_healthy}}
    volumes: [data:/data]
  api_v2: {image: "example/api:1", environment: [MONGO=mongodb://mongo/x]}
  db: {image: "postgres:15", environment: {POSTGRES_USER: app, POSTGRES_PASSWORD: "${DB_PASSWORD}"}}
  cache: {image: "redis:7"}
  mongo: {image: "mongo:7"}
volumes: {data: }
"""
FILE = {"compose.yml": SHOP, ".env": "DB_PASSWORD=never-in-a-spec\n"}


def texts(result: ImportResult) -> dict[str, str]:
    return {draft.path: draft.text() for draft in result.drafts}


def spec(result: ImportResult, name: str) -> dict[str, Any]:
    return next(draft.data for draft in result.drafts if draft.name == name)


def compiled(result: ImportResult) -> list[str]:
    """The codes of the errors in all specs."""
    files = texts(result)
    environment = files.get("environments/staging.yml")
    file = SourceFile("environments/staging.yml", environment.encode()) if environment else None
    requests = (Request(path, text.encode(), "staging", environment_file=file) for path, text in files.items())
    found = [finding for request in requests for finding in run(request).diagnostics]
    return [finding.code for finding in found if finding.severity.name == "ERROR"]


def test_every_key_of_the_specification_has_a_row() -> None:
    rows = {path for path, _ in PROJECT.rows()}
    wanted = {
        f"services.*.{'.'.join(filter(None, (above, name)))}"
        for above, names in SERVICE.items()
        for name in names.split()
    }
    assert wanted | set(TOP.split()) <= rows, sorted((wanted | set(TOP.split())) - rows)
    assert all(key.note for _, key in PROJECT.rows() if key.treatment is Treatment.NOT_CARRIED)


@pytest.mark.parametrize("text", [FOREIGN["a Docker Compose file"], VARIANTS["Compose without services"]])
def test_what_is_recognized_as_a_compose_file_is_claimed(text: str) -> None:
    assert next(file for file in FILES if "Compose" in file.title).imported
    assert formats()["compose"].claims(Source("app.yml", "app.yml", text.encode()))


def test_a_folder_is_read_as_compose_reads_it(imports: Imports) -> None:
    web = "services: {web: {image: 'example/web:1', ports: ['80'], environment: {A: one, B: one}, command: x}}\n"
    over = "services: {web: {environment: [A=two], ports: !override ['81:8081'], command: !reset null}}\n"
    files = {"compose.yml": web, "compose.override.yml": over, "docker-compose.yml": web, "test/compose.yml": web}
    result = imports(files)
    service = spec(result, "web")["service"]
    assert service["environment"] == {"A": "two", "B": "one"} and service["port"] == 8081 and "command" not in service
    left = [row for row in result.report.rows.values() if row.key == ""]
    assert {row.file for row in left} == {"docker-compose.yml", "test/compose.yml"}
    lines = {(row.file, row.key) for row in result.report.rows.values()}
    assert ("compose.override.yml", "services.web.environment[0]") in lines


def test_services_extend_and_files_include_others(imports: Imports) -> None:
    result = imports(
        {
            "compose.yml": "include: [more.yml, {path: [none.yml]}]\n"
            "services:\n  web: {extends: {file: base/base.yml, service: base}, environment: [A=2]}\n"
            "  two: {extends: web}\n  three: {extends: four}\n  four: {extends: three, image: example/four}\n",
            "base/base.yml": "services: {base: {build: {context: .}, environment: {A: 1, B: 1}}}\n",
            "base/Dockerfile": "FROM scratch\n",
            "more.yml": "services: {more: {image: example/more}}\n",
        }
    )
    assert spec(result, "two")["service"]["environment"] == {"A": "2", "B": "1"}
    assert spec(result, "web")["service"]["build"] == {"context": "../base", "dockerfile": "../base/Dockerfile"}
    assert {draft.name for draft in result.drafts} >= {"web", "two", "three", "four", "more"}
    assert outcomes(result)["include[1]"].treatment is Treatment.NOT_CARRIED


def test_an_included_file_has_a_folder_and_variables_of_its_own(imports: Imports) -> None:
    more = "services: {NAME: {build: {context: app}, environment: {A: '${A:-}', B: '${B:-}', C: '${C:-}'}}}\n"
    result = imports(
        {
            "compose.yml": "include:\n  - one/compose.yml\n"
            "  - {path: two/compose.yml, project_directory: apps, env_file: [two/more.env]}\n",
            ".env": "C=outer\n",
            "one/compose.yml": more.replace("NAME", "one"),
            "one/.env": "A=one\nC=inner\n",
            "two/compose.yml": more.replace("NAME", "two"),
            "two/more.env": "B=two\n",
            "apps/.env": "A=none\n",
            "one/app/Dockerfile": "FROM scratch\n",
            "apps/app/Dockerfile": "FROM scratch\n",
        },
        "compose",
    )
    one, two = (spec(result, name)["service"] for name in ("one", "two"))
    assert one["environment"] == {"A": "one", "B": "", "C": "outer"}
    assert two["environment"] == {"A": "", "B": "two", "C": "outer"}
    assert (one["build"]["context"], two["build"]["context"]) == ("../one/app", "../apps/app")


def test_the_variables_of_a_project_name_its_files(imports: Imports) -> None:
    files = {name: f"services: {{{name[:1]}: {{image: example/{name[:1]}}}}}\n" for name in ("a.yml", "b.yml")}
    files |= {"compose.yml": "services: {c: {image: example/c}}\n", ".env": "COMPOSE_FILE=a.yml:b.yml\n"}
    result = imports(files)
    assert {draft.name for draft in result.drafts if draft.kind.name == "Service"} == {"a", "b"}
    assert "COMPOSE_FILE" in outcomes(result)[""].note
    assert {draft.name for draft in imports(files | {".env": "COMPOSE_FILE=none.yml\n"}).drafts} == {"c"}


def test_variables_are_interpolated() -> None:
    values = {"A": "1", "EMPTY": ""}
    texts = {
        "$A ${A}": "1 1",
        "$$A $$": "$A $",
        "${EMPTY:-x}${EMPTY-x}${NO-y}": "xy",
        "${A:+z}${EMPTY:+z}${EMPTY+e}": "ze",
        "${NO:-${A}${NO:-b}}": "1b",
        "${NO:?must be set}": "",
        "${NO": "${NO",
        "$1 ${-x}": "$1 ${-x}",
    }
    assert {text: interpolate(text, values).text for text in texts} == texts
    assert interpolate("${NO:?must be set}", values).unset == {"NO": "must be set"}
    assert interpolate("${DB_PASSWORD}", {"DB_PASSWORD": "x"}).secret
    file = 'export A=1 # note\n# B=2\nC=\'a $A\'\nD="x\\n${A}"\nE\nF=\nG="two\nlines"\n'
    assert read_variables(file, {"E": "e"}) == {
        "A": "1",
        "C": "a $A",
        "D": "x\n1",
        "E": "e",
        "F": "",
        "G": "two\nlines",
    }


@pytest.mark.parametrize(
    ("port", "numbers", "public"),
    [
        ("3000", [3000], True),
        (8000, [8000], True),
        ("80:8000", [8000], True),
        ("127.0.0.1:80:8000", [8000], False),
        ("[::1]:80:8000", [8000], False),
        ("0.0.0.0::8000", [8000], True),
        ("3000-3002:4000-4002/tcp", [4000, 4001, 4002], True),
        (":8000", [8000], True),
        ({"target": 80, "published": "8080", "host_ip": "127.0.0.1"}, [80], False),
        ("none", [], None),
        ("99999", [], None),
    ],
)
def test_ports(port: Any, numbers: list[int], public: bool | None) -> None:
    ports = ports_of(port)
    assert [each.number for each in ports] == numbers
    assert not ports or ports[0].is_public is public


def test_mounts() -> None:
    found = {text: mount_of(text) for text in ("./a:/b:ro", "C:\\a:/b", "data:/b", "/b", "~/x:/y")}
    assert [each and (each.kind, each.target) for each in found.values()] == [
        ("bind", "/b"),
        ("bind", "/b"),
        ("volume", "/b"),
        ("volume", "/b"),
        ("bind", "/y"),
    ]


def test_images_are_known_by_the_end_of_their_names() -> None:
    roles = {
        "registry.example.com:5000/library/postgres:15": ComposeRole.DEPENDENCY,
        "bitnami/redis": ComposeRole.DEPENDENCY,
        "mongo": ComposeRole.OTHER,
        "dpage/pgadmin4:8": ComposeRole.TOOL,
        "traefik:v3": ComposeRole.PROXY,
    }
    assert {image: known.role for image in roles if (known := known_image(image))} == roles
    assert known_image("example/postgres-backup") is None


def test_versions_are_those_of_the_dependency() -> None:
    from fsdcf.compiler.dependencies.rds_instance import ENGINES

    assert {name: set(versions) for name, versions in VERSIONS.items()} == {
        name: set(engine.versions) for name, engine in ENGINES.items()
    }


def test_databases_become_dependencies_and_secrets_stay_out(imports: Imports) -> None:
    result = imports(FILE)
    files = texts(result)
    assert set(files) == {"environments/staging.yml", "services/web.yml", "services/api-v2.yml"}
    assert "never-in-a-spec" not in str(files) + str(result.report.rows) + str(result.next)
    web = spec(result, "web")
    assert web["service"]["environment"] == {
        "DB_HOST": "${rds:db:endpoint}",
        "CACHE": "rediss://${elasticache:cache:host}:${elasticache:cache:port}/0",
        "API": "${service:api-v2:url}/v1",
        "DB_PASSWORD": "${rds:db:password}",
        "TOKEN_OF_OTHERS": "${rds:db:password}",
    }
    assert {"type": "service", "name": "api-v2", "alias": "api_v2", "port": 9000} in web["dependencies"]
    connect = spec(result, "api-v2")["service"]["networking"]
    assert connect == {"shared": True, "serviceConnect": {"alias": "api_v2", "port": 9000}, "loadBalancer": False}
    rows = outcomes(result)
    assert rows["services.web.environment.URL"].treatment is Treatment.NOT_CARRIED
    assert rows["services.web.command"].treatment is Treatment.NOT_CARRIED
    assert rows["services.mongo"].treatment is Treatment.NOT_CARRIED
    assert spec(result, "api-v2")["service"]["secrets"][0]["name"] == "MONGO"
    assert compiled(result) == []


@pytest.mark.parametrize(
    ("keys", "there"),
    [
        ({"command": "sh -c 'echo $$A'"}, {"command": ["sh", "-c", "echo $A"]}),
        (
            {"healthcheck": {"test": "curl localhost:80/up", "interval": "2s"}},
            {
                "healthCheck": {
                    "container": {"command": ["CMD-SHELL", "curl localhost:80/up"], "interval": 5, "timeout": 4}
                }
            },
        ),
        ({"healthcheck": {"test": ["NONE"], "interval": "2s"}}, {"healthCheck": None}),
        ({"mem_limit": "3gb", "cpus": 0.5}, {"resources": {"cpu": 512, "memory": 3072, "desiredCount": 1}}),
        ({"ports": ["127.0.0.1:80:80"]}, {"port": 80, "networking": {"loadBalancer": {"internal": True}}}),
        ({"ports": ["443:443", "80:80"]}, {"port": 80}),
        ({"platform": "linux/arm64"}, {"resources": {"architecture": "arm64", "desiredCount": 1}}),
        ({"tmpfs": "/run:size=64m"}, {"tmpfs": [{"path": "/run", "size": 64}]}),
        ({"environment": {"A": True, "B": 1.10, "C": "${"}}, {"environment": {"A": "true", "B": "1.10", "C": "$${"}}),
    ],
)
def test_keys_of_a_service(imports: Imports, keys: dict[str, Any], there: dict[str, Any]) -> None:
    text = yaml.safe_dump({"services": {"web": {"image": "example/web", **keys}}}).replace("B: 1.1\n", "B: 1.10\n")
    result = imports({"compose.yml": text})
    service = spec(result, "web")["service"]
    assert {key: service.get(key) for key in there} == there
    assert compiled(result) == []


def test_a_step_and_a_job(imports: Imports) -> None:
    text = (
        "services:\n  web: {build: ., ports: [80], depends_on: {init: {condition: service_completed_successfully},"
        " seed: {condition: service_completed_successfully}}}\n"
        "  init: {build: ., command: migrate}\n  seed: {build: seed}\n  once: {image: a/b, restart: 'no'}\n"
    )
    result = imports({"compose.yml": text})
    assert {draft.name: draft.kind.name for draft in result.drafts if draft.name != "staging"} == {
        "web": "Service",
        "seed": "Job",
        "once": "Job",
    }
    web = spec(result, "web")["service"]
    assert web["sidecars"] == [{"name": "init", "essential": False, "command": ["migrate"]}]
    assert web["dependsOn"] == {"init": "SUCCESS"}
    assert compiled(result) == []


def test_steps_wait_for_each_other(imports: Imports) -> None:
    wait = "{condition: service_completed_successfully}"
    text = (
        f"services:\n  web: {{image: a/b, ports: [80], depends_on: {{two: {wait}}}}}\n"
        f"  two: {{image: a/b, command: two, depends_on: {{one: {wait}}}}}\n  one: {{image: a/c, command: one}}\n"
        f"  x: {{image: a/x, depends_on: {{y: {wait}}}}}\n  y: {{image: a/x, depends_on: {{x: {wait}}}}}\n"
        "  file: {image: a/f, environment: {KEY_FILE: /run/secrets/key, SPRING_URL: 'jdbc:postgresql://db:5432/f'},"
        " secrets: [key], depends_on: [db]}\n  db: {image: postgres}\n"
    )
    result = imports({"compose.yml": text})
    web = spec(result, "web")["service"]
    assert web["dependsOn"] == {"two": "SUCCESS", "one": "SUCCESS"}
    assert web["sidecars"][0]["dependsOn"] == {"one": "SUCCESS"}
    assert {draft.kind.name for draft in result.drafts if draft.name in ("x", "y")} == {"Job"}
    service = spec(result, "file")["service"]
    assert service["environment"] == {"SPRING_URL": "jdbc:postgresql://${rds:db:endpoint}:${rds:db:port}/f"}
    assert [each["name"] for each in service["secrets"]] == ["KEY"]
    assert compiled(result) == []


VALUES = st.sampled_from(
    ["${DB_PASSWORD}", None, "", 0, -1, 10**30, 1.5, True, [], {}, "${", "$", "é\n", [[]], {"a": {"b": []}}, "a:b:c:d"]
)


def _paths(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(each for step, value in below for each in _paths(value, (*path, step)))]


WHOLE = yaml.safe_load(SHOP) | {"include": ["a.yml"], "secrets": {"s": {"file": "x"}}}
WHOLE["services"]["web"] |= {
    "healthcheck": {"test": ["CMD", "x"], "interval": "1s"},
    "deploy": {"replicas": 1, "resources": {"limits": {"cpus": "1"}}},
    "env_file": [{"path": "a", "required": False}],
    "labels": ["a=b"],
    "secrets": [{"source": "s"}],
    "tmpfs": ["/x"],
    "ulimits": {"nofile": {"soft": 1, "hard": 2}},
    "extends": {"service": "api_v2"},
    "networks": {"default": {"aliases": ["x"]}},
}
PLACES = _paths(WHOLE)[1:]


@given(st.lists(st.tuples(st.sampled_from(PLACES), VALUES), min_size=1, max_size=3))
@examples(60)
def test_no_file_ends_in_an_exception(imports: Imports, changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    data = copy.deepcopy(WHOLE)
    for path, value in changes:
        holder = data
        for step in path[:-1]:
            holder = holder[step] if isinstance(holder, dict) and step in holder else {}
        if isinstance(holder, dict):
            holder[path[-1]] = copy.deepcopy(value)
    files = {"compose.yml": yaml.safe_dump(data), ".env": FILE[".env"]}
    first, second = imports(files, "compose"), imports(files, "compose")
    assert texts(first) == texts(second)
    assert "never-in-a-spec" not in str(texts(first)) + str(first.report.rows)


def test_profiles_aliases_and_links(imports: Imports) -> None:
    text = (
        "services:\n  web: {build: ., dockerfile: Docker.web, links: ['db:database'], environment: [DB_HOST=database,"
        " 'B=http://backoffice:81/']}\n"
        "  admin: {image: a/b, ports: [81], networks: {default: {aliases: [backoffice]}}, profiles: [all]}\n"
        "  other: {image: a/c, profiles: [other]}\n  db: {image: mariadb:10.6}\n"
    )
    files = {"compose.yml": text, ".env": "COMPOSE_PROFILES=all,more\n", "Docker.web": "FROM scratch\n"}
    result = imports(files)
    service = spec(result, "web")["service"]
    assert service["environment"] == {"DB_HOST": "${rds:db:endpoint}", "B": "${service:admin:url}/"}
    assert service["build"]["dockerfile"] == "../Docker.web"
    assert outcomes(result)["services.other"].treatment is Treatment.NOT_CARRIED
    assert not [draft for draft in result.drafts if draft.name == "other"]


def test_a_row_about_a_load_balancer_has_one(imports: Imports) -> None:
    labels = "['traefik.enable=true', 'traefik.http.services.x.loadBalancer.server.port=7007']"
    text = f"""
services:
  traefik: {{image: traefik}}
  web: {{image: example/web, labels: {labels}}}
  plain: {{image: example/plain, labels: [traefik.enable=true]}}
  nginx: {{image: nginx, depends_on: [app], volumes: ["./x.conf:/etc/nginx/nginx.conf"]}}
  app: {{build: {{context: ., dockerfile: ./Dockerfile}}}}
  tagged: {{image: "example/x:${{A}}-${{B}}"}}
"""
    result = imports({"compose.yml": text})
    found = outcomes(result)
    assert spec(result, "web")["service"]["port"] == 7007 and "port" not in spec(result, "plain")["service"]
    assert found["services.web.labels[1]"].treatment is Treatment.CHANGED
    assert found["services.plain.labels[0]"].treatment is Treatment.NOT_CARRIED
    assert "the port of app" in found["services.nginx"].note
    assert found["services.app.build.dockerfile"].treatment is Treatment.CHANGED
    assert "`--image-sha`" in found["services.tagged.image"].note


def test_a_password_of_a_person_is_not_that_of_the_database(imports: Imports) -> None:
    text = """
services:
  web: {image: example/web, environment: {DB_HOST: db, DB_PASS: shop, WWW_USER_PASSWORD: shop, SPRING_PASSWORD: shop}}
  db: {image: postgres, environment: {POSTGRES_USER: shop, POSTGRES_PASSWORD: shop}}
"""
    service = spec(imports({"compose.yml": text}), "web")["service"]
    assert {"DB_PASS", "SPRING_PASSWORD"} <= service["environment"].keys()
    assert [each["name"] for each in service["secrets"]] == ["WWW_USER_PASSWORD"]
