"""What is known of frameworks and base images: the port and the health path that a program has unless its author chose
others, and the programs of an image that can check its health. Data, each row with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Framework:
    """A framework or server: the manifest that names its package, its default port, and the path that answers 200.

    ``path`` is empty if the author chooses one. ``variables`` are what it needs in a container, ``note`` is what the
    author must know.
    """

    title: str
    manifest: str
    package: str
    port: int | None
    path: str
    source: str
    variables: tuple[tuple[str, str], ...] = ()
    note: str = ""


MANIFESTS: Mapping[str, tuple[str, str]] = {
    "node": (r"package\.json", ""),
    "python": (
        r"requirements[\w.-]*\.(?:txt|in)|requirements/[\w.-]+\.txt|pyproject\.toml|Pipfile|setup\.cfg",
        r"""(?m)(?:^[ \t]*|["'])([A-Za-z][\w.-]{0,60})""",
    ),
    "go": (r"go\.mod", r"(?m)^(?:require[ \t]+|[ \t]*)([a-z][\w.-]{0,60}(?:/[\w.-]{1,60}){1,4})[ \t]+v"),
    "ruby": (r"Gemfile", r"""(?m)^[ \t]*gem[ \t(]*["']([\w-]{1,60})["']"""),
    "java": (r"pom\.xml|build\.gradle|build\.gradle\.kts", r"""([a-z][a-z0-9]{0,30}(?:[.-][a-z0-9]{1,30}){1,6})"""),
    "dotnet": (r"[\w.-]+\.csproj", r"""Sdk=["']([\w.]{1,60})["']"""),
    "rust": (r"Cargo\.toml", r"(?m)^[ \t]*([a-z][\w-]{0,60})[ \t]*="),
    "php": (r"composer\.json", ""),
    "elixir": (r"mix\.exs", r"\{[ \t]*:([a-z]\w{0,60})"),
}
"""The names of the files that list a program's packages, and the names in them; JSON has a reader of its own."""

ANYWHERE = "0.0.0.0"  # noqa: S104 - in a container
"""The address on which a program listens that others can reach."""

_HOST_OF_NEXT = (("HOSTNAME", ANYWHERE),)
_HOST_OF_ROCKET = (("ROCKET_ADDRESS", ANYWHERE),)

FRAMEWORKS = (
    Framework(
        "Next.js", "node", "next", 3000, "/", "https://nextjs.org/docs/app/api-reference/cli/next", _HOST_OF_NEXT
    ),
    Framework("Nuxt", "node", "nuxt", 3000, "/", "https://nuxt.com/docs/getting-started/deployment"),
    Framework("SvelteKit", "node", "@sveltejs/adapter-node", 3000, "/", "https://svelte.dev/docs/kit/adapter-node"),
    Framework(
        "React Router", "node", "@react-router/serve", 3000, "/", "https://reactrouter.com/start/framework/deploying"
    ),
    Framework("Remix", "node", "@remix-run/serve", 3000, "/", "https://v2.remix.run/docs/other-api/serve"),
    Framework(
        "Astro", "node", "@astrojs/node", 4321, "/", "https://docs.astro.build/en/guides/integrations-guide/node/"
    ),
    Framework("NestJS", "node", "@nestjs/core", 3000, "", "https://docs.nestjs.com/first-steps"),
    Framework("Fastify", "node", "fastify", 3000, "", "https://fastify.dev/docs/latest/Guides/Getting-Started/"),
    Framework("Hono", "node", "@hono/node-server", 3000, "", "https://hono.dev/docs/getting-started/nodejs"),
    Framework("Koa", "node", "koa", 3000, "", "https://koajs.com/"),
    Framework("hapi", "node", "@hapi/hapi", 3000, "", "https://hapi.dev/tutorials/gettingstarted"),
    Framework("Express", "node", "express", 3000, "", "https://expressjs.com/en/starter/hello-world.html"),
    Framework(
        "Streamlit", "python", "streamlit", 8501, "/_stcore/health", "https://docs.streamlit.io/deploy/tutorials/docker"
    ),
    Framework("Gradio", "python", "gradio", 7860, "/", "https://www.gradio.app/guides/deploying-gradio-with-docker"),
    Framework("FastAPI", "python", "fastapi", 8000, "", "https://fastapi.tiangolo.com/deployment/manually/"),
    Framework("Litestar", "python", "litestar", 8000, "", "https://docs.litestar.dev/latest/usage/cli.html"),
    Framework(
        "Django",
        "python",
        "django",
        8000,
        "",
        "https://docs.djangoproject.com/en/stable/ref/django-admin/#runserver",
        note="Django answers 400 to a host that ALLOWED_HOSTS does not name, and the host of the load balancer's check "
        "is the address of the task",
    ),
    Framework("Sanic", "python", "sanic", 8000, "", "https://sanic.dev/en/guide/running/running.html"),
    Framework("gunicorn", "python", "gunicorn", 8000, "", "https://docs.gunicorn.org/en/stable/settings.html#bind"),
    Framework("uvicorn", "python", "uvicorn", 8000, "", "https://www.uvicorn.org/settings/"),
    Framework("Flask", "python", "flask", 5000, "", "https://flask.palletsprojects.com/en/stable/server/"),
    Framework(
        "aiohttp",
        "python",
        "aiohttp",
        8080,
        "",
        "https://docs.aiohttp.org/en/stable/web_reference.html#aiohttp.web.run_app",
    ),
    Framework("Gin", "go", "github.com/gin-gonic/gin", 8080, "", "https://gin-gonic.com/en/docs/quickstart/"),
    Framework("Echo", "go", "github.com/labstack/echo", 1323, "", "https://echo.labstack.com/docs/quick-start"),
    Framework("Fiber", "go", "github.com/gofiber/fiber", 3000, "", "https://docs.gofiber.io/"),
    Framework("chi", "go", "github.com/go-chi/chi", 3000, "", "https://go-chi.io/#/pages/getting_started"),
    Framework(
        "Rails",
        "ruby",
        "rails",
        3000,
        "/up",
        "https://api.rubyonrails.org/classes/Rails/HealthController.html",
        note="Rails has /up since 7.1; exclude it from the redirect of force_ssl, and from host_authorization",
    ),
    Framework("Sinatra", "ruby", "sinatra", 4567, "", "https://sinatrarb.com/intro.html"),
    Framework("Puma", "ruby", "puma", 9292, "", "https://puma.io/puma/"),
    Framework(
        "Spring Boot with Actuator",
        "java",
        "spring-boot-starter-actuator",
        8080,
        "/actuator/health",
        "https://docs.spring.io/spring-boot/reference/actuator/endpoints.html",
    ),
    Framework(
        "Spring Boot",
        "java",
        "org.springframework.boot",
        8080,
        "",
        "https://docs.spring.io/spring-boot/how-to/webserver.html",
    ),
    Framework(
        "Quarkus with SmallRye Health",
        "java",
        "quarkus-smallrye-health",
        8080,
        "/q/health",
        "https://quarkus.io/guides/smallrye-health",
    ),
    Framework("Quarkus", "java", "io.quarkus", 8080, "", "https://quarkus.io/guides/http-reference"),
    Framework(
        "Micronaut",
        "java",
        "micronaut-management",
        8080,
        "/health",
        "https://docs.micronaut.io/latest/guide/#healthEndpoint",
    ),
    Framework(
        "ASP.NET Core",
        "dotnet",
        "microsoft.net.sdk.web",
        8080,
        "",
        "https://learn.microsoft.com/dotnet/core/compatibility/containers/8.0/aspnet-port",
    ),
    Framework("Actix Web", "rust", "actix-web", 8080, "", "https://actix.rs/docs/getting-started"),
    Framework("Axum", "rust", "axum", 3000, "", "https://docs.rs/axum/latest/axum/#example"),
    Framework("Rocket", "rust", "rocket", 8000, "", "https://rocket.rs/guide/v0.5/configuration/", _HOST_OF_ROCKET),
    Framework("warp", "rust", "warp", 3030, "", "https://docs.rs/warp/latest/warp/#example"),
    Framework(
        "Laravel", "php", "laravel/framework", 8000, "/up", "https://laravel.com/docs/11.x/deployment#the-health-route"
    ),
    Framework(
        "Symfony", "php", "symfony/framework-bundle", 8000, "", "https://symfony.com/doc/current/setup/symfony_cli.html"
    ),
    Framework("Phoenix", "elixir", "phoenix", 4000, "", "https://hexdocs.pm/phoenix/up_and_running.html"),
)
"""The frameworks, those that are built on others first."""

PORT_VARIABLES = (
    "PORT",
    "ASPNETCORE_HTTP_PORTS",
    "ASPNETCORE_URLS",
    "SERVER_PORT",
    "UVICORN_PORT",
    "NITRO_PORT",
    "HTTP_PORT",
    "APP_PORT",
)
"""The variables of an image that say which port its program listens on."""

PORT_SETTINGS = (
    "src/main/resources/application.properties",
    "src/main/resources/application.yml",
    "src/main/resources/application.yaml",
)
"""The files of Spring Boot with the setting ``server.port``.
Source: https://docs.spring.io/spring-boot/how-to/webserver.html"""

WORKERS = (
    *("celery", "rq", "rqworker", "dramatiq", "arq", "huey_consumer", "sidekiq", "resque", "good_job", "delayed_job"),
    *("queue:work", "horizon", "messenger:consume", "bullmq"),
)
"""The words of a command that runs a worker, which listens on no port."""

RUNTIMES: Mapping[str, str] = {
    **dict.fromkeys(
        ("python", "python3", "uvicorn", "gunicorn", "hypercorn", "flask", "fastapi", "celery", "streamlit"), "python"
    ),
    **dict.fromkeys(("node", "npm", "npx", "yarn", "pnpm", "next"), "node"),
    **dict.fromkeys(("ruby", "bundle", "rails", "puma", "rackup", "sidekiq"), "ruby"),
    "php": "php",
    "bun": "bun",
    "deno": "deno",
}
"""The interpreter that an image must have if its command begins with a program."""

ON_LOOPBACK: Mapping[str, str] = {
    "uvicorn": "--host",
    "flask run": "--host",
    "hypercorn": "--bind",
    "artisan serve": "--host",
}
"""Programs that listen on 127.0.0.1 alone unless they get an option.
Source: https://www.uvicorn.org/settings/, https://flask.palletsprojects.com/en/stable/quickstart/"""


@dataclass(frozen=True)
class BaseImage:
    """A base image by its name and tag (patterns): the programs that can check health, the best first.

    ``port`` is what it exposes or listens on, ``serves`` says that it answers ``/``.
    """

    name: str
    tag: str
    tools: tuple[str, ...]
    source: str
    port: int | None = None
    serves: bool = False
    note: str = ""


SHELL = "sh"
"""The tool of an image with a shell, which checks the age of a file."""

_DEBIAN = ("bash", SHELL)
_FULL = ("curl", *_DEBIAN)
_BUSYBOX = ("wget", SHELL)
_OFFICIAL = "https://github.com/docker-library/official-images"
_DISTROLESS = "https://github.com/GoogleContainerTools/distroless"
_CHAINGUARD = "https://edu.chainguard.dev/chainguard/chainguard-images/"
_DOTNET = "https://github.com/dotnet/dotnet-docker/blob/main/documentation/image-variants.md"
_NGINX = "https://github.com/nginx/docker-nginx"
_FPM = "php-fpm speaks FastCGI, which a load balancer does not: put a web server into the image"
_ALPINE = r"alpine|busybox|musl"

BASES = (
    BaseImage("scratch", "", (), "https://hub.docker.com/_/scratch"),
    BaseImage(r"gcr\.io/distroless/python3.*", "", ("python",), _DISTROLESS),
    BaseImage(r"gcr\.io/distroless/nodejs.*", "", ("/nodejs/bin/node",), _DISTROLESS),
    BaseImage(r"gcr\.io/distroless/.*", "debug", _BUSYBOX, _DISTROLESS),
    BaseImage(r"gcr\.io/distroless/.*", "", (), _DISTROLESS),
    BaseImage(r"cgr\.dev/[^/]*/(?:python|uv)", "", ("python",), _CHAINGUARD),
    BaseImage(r"cgr\.dev/[^/]*/node", "", ("node",), _CHAINGUARD),
    BaseImage(r"cgr\.dev/.*", "dev", _BUSYBOX, _CHAINGUARD),
    BaseImage(r"cgr\.dev/.*wolfi-base", "", _BUSYBOX, _CHAINGUARD),
    BaseImage(r"cgr\.dev/.*", "", (), _CHAINGUARD),
    BaseImage(r"mcr\.microsoft\.com/dotnet/.*", "chiseled|distroless", (), _DOTNET, 8080),
    BaseImage(r"mcr\.microsoft\.com/dotnet/aspnet", r"^[1-7]\..*alpine", _BUSYBOX, _DOTNET, 80),
    BaseImage(r"mcr\.microsoft\.com/dotnet/aspnet", r"^[1-7]\.", _DEBIAN, _DOTNET, 80),
    BaseImage(r"mcr\.microsoft\.com/dotnet/aspnet", "alpine", _BUSYBOX, _DOTNET, 8080),
    BaseImage(r"mcr\.microsoft\.com/dotnet/aspnet", "", _DEBIAN, _DOTNET, 8080),
    BaseImage(r"mcr\.microsoft\.com/dotnet/.*", "alpine", _BUSYBOX, _DOTNET),
    BaseImage(r"mcr\.microsoft\.com/dotnet/.*", "", _DEBIAN, _DOTNET),
    BaseImage(r"(?:.*/)?nginx-unprivileged", _ALPINE, (*_BUSYBOX, "curl"), _NGINX, 8080, serves=True),
    BaseImage(r"(?:.*/)?nginx-unprivileged", "", _FULL, _NGINX, 8080, serves=True),
    BaseImage("nginx", "alpine-slim", _BUSYBOX, _NGINX, 80, serves=True),
    BaseImage("nginx", _ALPINE, (*_BUSYBOX, "curl"), _NGINX, 80, serves=True),
    BaseImage("nginx", "", _FULL, _NGINX, 80, serves=True),
    BaseImage("httpd", _ALPINE, _BUSYBOX, "https://github.com/docker-library/httpd", 80, serves=True),
    BaseImage("httpd", "", _DEBIAN, "https://github.com/docker-library/httpd", 80, serves=True),
    BaseImage("caddy|traefik", "", _BUSYBOX, _OFFICIAL, 80, serves=True),
    BaseImage(
        "php", r"fpm.{0,40}alpine", ("curl", *_BUSYBOX), "https://github.com/docker-library/php", 9000, note=_FPM
    ),
    BaseImage("php", "fpm", _FULL, "https://github.com/docker-library/php", 9000, note=_FPM),
    BaseImage("php", "apache", _FULL, "https://github.com/docker-library/php", 80),
    BaseImage("php", _ALPINE, ("curl", *_BUSYBOX), "https://github.com/docker-library/php"),
    BaseImage("php", "", _FULL, "https://github.com/docker-library/php"),
    BaseImage("dunglas/frankenphp", _ALPINE, ("curl", *_BUSYBOX), "https://frankenphp.dev/docs/docker/", 80),
    BaseImage("dunglas/frankenphp", "", _FULL, "https://frankenphp.dev/docs/docker/", 80),
    BaseImage("python|pypy", _ALPINE, ("python", *_BUSYBOX), "https://github.com/docker-library/python"),
    BaseImage("python|pypy", "slim", ("python", *_DEBIAN), "https://github.com/docker-library/python"),
    BaseImage("python|pypy", "", ("python", *_FULL), "https://github.com/docker-library/python"),
    BaseImage(
        r"ghcr\.io/astral-sh/uv",
        r"python.{0,40}alpine",
        ("python", *_BUSYBOX),
        "https://docs.astral.sh/uv/guides/integration/docker/",
    ),
    BaseImage(
        r"ghcr\.io/astral-sh/uv", "python", ("python", *_DEBIAN), "https://docs.astral.sh/uv/guides/integration/docker/"
    ),
    BaseImage(
        r"tiangolo/(?:uvicorn|meinheld)-gunicorn.*",
        "",
        ("python", *_DEBIAN),
        "https://github.com/tiangolo/uvicorn-gunicorn-fastapi-docker",
        80,
    ),
    BaseImage("node", _ALPINE, ("node", *_BUSYBOX), "https://github.com/nodejs/docker-node"),
    BaseImage("node", "slim", ("node", *_DEBIAN), "https://github.com/nodejs/docker-node"),
    BaseImage("node", "", ("node", *_FULL), "https://github.com/nodejs/docker-node"),
    BaseImage("oven/bun", _ALPINE, ("bun", *_BUSYBOX), "https://bun.sh/guides/ecosystem/docker"),
    BaseImage("oven/bun", "distroless", ("bun",), "https://bun.sh/guides/ecosystem/docker"),
    BaseImage("oven/bun", "", ("bun", *_DEBIAN), "https://bun.sh/guides/ecosystem/docker"),
    BaseImage("denoland/deno", _ALPINE, ("deno", *_BUSYBOX), "https://github.com/denoland/deno_docker"),
    BaseImage("denoland/deno", "distroless", ("deno",), "https://github.com/denoland/deno_docker"),
    BaseImage("denoland/deno", "", ("deno", *_DEBIAN), "https://github.com/denoland/deno_docker"),
    BaseImage("ruby|jruby", _ALPINE, ("ruby", *_BUSYBOX), "https://github.com/docker-library/ruby"),
    BaseImage("ruby|jruby", "slim", ("ruby", *_DEBIAN), "https://github.com/docker-library/ruby"),
    BaseImage("ruby|jruby", "", ("ruby", *_FULL), "https://github.com/docker-library/ruby"),
    BaseImage("tomcat|jetty", _ALPINE, _BUSYBOX, _OFFICIAL, 8080),
    BaseImage("tomcat|jetty", "", _FULL, _OFFICIAL, 8080),
    BaseImage("eclipse-temurin|maven|gradle", _ALPINE, _BUSYBOX, "https://github.com/adoptium/containers"),
    BaseImage("eclipse-temurin|maven|gradle", "", _FULL, "https://github.com/adoptium/containers"),
    BaseImage(
        r"(?:public\.ecr\.aws/amazoncorretto/)?amazoncorretto",
        _ALPINE,
        _BUSYBOX,
        "https://github.com/corretto/corretto-docker",
    ),
    BaseImage(
        r"(?:public\.ecr\.aws/amazoncorretto/)?amazoncorretto",
        "debian",
        _DEBIAN,
        "https://github.com/corretto/corretto-docker",
    ),
    BaseImage(
        r"(?:public\.ecr\.aws/amazoncorretto/)?amazoncorretto", "", _FULL, "https://github.com/corretto/corretto-docker"
    ),
    BaseImage(
        r"(?:public\.ecr\.aws/amazonlinux/)?amazonlinux",
        "",
        _FULL,
        "https://docs.aws.amazon.com/linux/al2023/ug/base-container.html",
    ),
    BaseImage(
        r"registry\.access\.redhat\.com/.*|redhat/ubi.*", "", _FULL, "https://catalog.redhat.com/software/base-images"
    ),
    BaseImage("fedora|centos|rockylinux|almalinux|oraclelinux", "", _FULL, _OFFICIAL),
    BaseImage("alpine|busybox", "", _BUSYBOX, _OFFICIAL),
    BaseImage("debian|ubuntu", "", _DEBIAN, _OFFICIAL),
    BaseImage(
        "openjdk|golang|rust|erlang|elixir|perl|haskell|swift|dart|clojure|gcc|buildpack-deps",
        _ALPINE,
        _BUSYBOX,
        _OFFICIAL,
    ),
    BaseImage("openjdk|golang|rust|erlang|elixir|perl|haskell|swift|dart|clojure|gcc", "slim", _DEBIAN, _OFFICIAL),
    BaseImage("openjdk|golang|rust|erlang|elixir|perl|gcc|buildpack-deps", "", _FULL, _OFFICIAL),
    BaseImage("haskell|swift|dart|clojure", "", _DEBIAN, _OFFICIAL),
)
"""The base images; the first row that matches counts. ``curl`` is only where the image is known to have it: images
with the tag ``slim`` and those of Debian and Ubuntu have neither curl nor wget."""

MIRRORS = ("docker.io/", "index.docker.io/", "registry-1.docker.io/", "mirror.gcr.io/", "public.ecr.aws/docker/")
"""Registries that have the images of Docker Hub under the same names."""

CHECKS: Mapping[str, tuple[str, ...]] = {
    "python": ("CMD", "python3", "-c", "import urllib.request as r; r.urlopen('{url}', timeout=4)"),
    "node": (
        *("CMD", "node", "-e"),
        "require('http').get('{url}', r => process.exit(+(r.statusCode > 399))).on('error', () => process.exit(1))",
    ),
    "bun": ("CMD", "bun", "-e", "fetch('{url}').then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"),
    "deno": ("CMD", "deno", "eval", "Deno.exit((await fetch('{url}')).ok ? 0 : 1)"),
    "ruby": ("CMD", "ruby", "-rnet/http", "-e", "exit Net::HTTP.get_response(URI('{url}')).code < '400'"),
    "php": ("CMD", "php", "-r", "exit(@file_get_contents('{url}') === false ? 1 : 0);"),
    "curl": ("CMD", "curl", "-fsS", "-o", "/dev/null", "{url}"),
    "wget": ("CMD", "wget", "-q", "-O", "/dev/null", "{url}"),
    "bash": (
        *("CMD", "bash", "-c"),
        "exec 3<>/dev/tcp/127.0.0.1/{port} && printf 'GET {path} HTTP/1.0\\r\\nHost: 127.0.0.1\\r\\n\\r\\n' >&3 && "
        "read -r _ code _ <&3 && [[ $code == [23]* ]]",
    ),
    SHELL: ("CMD-SHELL", "curl -fsS -o /dev/null {url} || wget -q -O /dev/null {url} || exit 1"),
}
"""The commands that request a URL, by the program that they need; for a shell, whichever of two there is. They ask for
127.0.0.1, since ``localhost`` may also be an address of IPv6, on which few programs listen."""

ALIVE = "/tmp/alive"  # noqa: S108 - in a container
LONGEST_SILENCE = 120
"""The file that a worker touches, and the age in seconds at which its check fails."""

WORKER_CHECKS: Mapping[str, tuple[str, ...]] = {
    SHELL: ("CMD-SHELL", f"test $(($(date +%s) - $(stat -c %Y {ALIVE}))) -lt {LONGEST_SILENCE}"),
    "python": (
        *("CMD", "python3", "-c"),
        f"import os, time; raise SystemExit(time.time() - os.stat('{ALIVE}').st_mtime > {LONGEST_SILENCE})",
    ),
    "node": (
        *("CMD", "node", "-e"),
        f"process.exit(Date.now() - require('fs').statSync('{ALIVE}').mtimeMs > {LONGEST_SILENCE}000 ? 1 : 0)",
    ),
}
"""The commands that check the age of the file, by the program that they need."""
