"""Measure speed and memory as ratios in one run: each command is paired with bare cfn-lint on the template it emits.

Prints the median of paired CPU ratios (user and system time of whole processes); ``diff`` is paired with one
``template --no-lint``. ``--runs N`` sets the number of pairs.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from migration import measure

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
SPEC = ROOT / "examples" / "api-dynamodb.yml"


def cpu_of(command: list[str], environment: dict[str, str]) -> float:
    """CPU seconds of a command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ratio(command: list[str], base: list[str], environment: dict[str, str], runs: int) -> float:
    pairs = [(cpu_of(command, environment), cpu_of(base, environment)) for _ in range(runs)]
    return statistics.median(one / other for one, other in pairs)


def commands(folder: Path, runs: int) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "PYTHONDONTWRITEBYTECODE": ""}
    template = folder / "t.yml"
    fsdcf = [str(BIN / "fsdcf"), "template"]
    subprocess.run([*fsdcf, str(SPEC), "-o", str(template)], env=environment, check=True, stderr=subprocess.DEVNULL)
    refused = folder / "refused.yml"
    refused.write_text(SPEC.read_text().replace("port: 8080", "port: true"))
    base = [str(BIN / "cfn-lint"), "-t", str(template)]
    for label, command, bound in (
        ("cold cache", [*fsdcf, str(SPEC), "--no-cache"], 0.80),
        ("warm cache", [*fsdcf, str(SPEC)], 0.13),
        ("--no-lint", [*fsdcf, str(SPEC), "--no-lint"], 0.13),
        ("refused spec", [*fsdcf, str(refused)], 0.13),
    ):
        print(
            f"{label:14} {ratio(command, base, environment, runs):.3f} of cfn-lint's CPU (at most {bound:.2f})",
            flush=True,
        )
    larger = folder / "larger.yml"
    larger.write_text(SPEC.read_text().replace("memory: 1024", "memory: 2048"))
    diff = [str(BIN / "fsdcf"), "diff", str(SPEC), str(larger)]
    diff_ratio = ratio(diff, [*fsdcf, str(larger), "--no-lint"], environment, runs)
    print(f"diff           {diff_ratio:.2f} of one template --no-lint (at most 2.00)", flush=True)


def many() -> None:
    from fsdcf.batch import BatchOptions, compile_all
    from fsdcf.pipeline import Request

    raw = SPEC.read_bytes()

    def each(count: int) -> float:
        start = time.process_time()
        for number in range(count):
            text = raw.replace(b"name: orders\n", f"name: orders-{number}\n".encode(), 1)
            list(compile_all([Request(f"{number}.yml", text, "staging")], BatchOptions(lint=False)))
        return (time.process_time() - start) / count

    each(20)
    few = each(100)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    lots = each(1000)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"1,000 specs    {lots * 1000:.2f} ms each (at most 10), {lots / few:.2f} of the cost among 100 (at most 1.20)"
    )
    print(f"               memory {before // 1024} MiB before, {after // 1024} MiB after")


def repository(folder: Path) -> None:
    """Two environments and ten services of a repository, compiled in one call."""
    from fsdcf.batch import BatchOptions, compile_all
    from fsdcf.cli.options import SpecInputs
    from fsdcf.pipeline import together

    (folder / ".git").mkdir()
    for name in ("staging", "prod"):
        file = folder / "environments" / f"{name}.yml"
        file.parent.mkdir(exist_ok=True)
        balancers = f"loadBalancers: {{public: {{domain: {name}.example.com, hostedZoneId: Z0123456789ABCDEFGHIJ}}}}"
        defaults = "defaults: {service: {networking: {shared: true}}}"
        head = f"apiVersion: fsd/v1\nkind: Environment\nmetadata: {{name: {name}}}\n"
        file.write_text(f"{head}environment:\n  {balancers}\n  {defaults}\n")
    for number in range(10):
        text = SPEC.read_text()
        for name in ("name: orders\n", "${ENV}-orders\n", "dynamodb:orders", "-invoices\n"):
            text = text.replace(name, f"{name.rstrip()}-{number}{name[len(name.rstrip()) :]}")
        file = folder / "services" / f"orders-{number}.yml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    files = (folder / "environments", folder / "services")

    def each() -> float:
        start = time.process_time()
        results = list(compile_all(SpecInputs(files).found().in_environments(), BatchOptions(lint=False)))
        common = together(result.sibling for result in results)
        assert len(results) == 22 and all("fsdcf-" in (result.text or "") for result in results)
        assert not common.diagnostics
        return (time.process_time() - start) / len(results)

    each()
    figure = statistics.median(each() for _ in range(5))
    print(f"2 environments {figure * 1000:.2f} ms each, with ten services in each of them (at most 10)")


def imports() -> None:
    """The sources of the import cases, in all formats: read, converted and written as text, again and again."""
    from fsdcf.importers import convert, recognized
    from fsdcf.importers.source import Source

    cases = [
        {str(path.relative_to(case)): path.read_bytes() for path in sorted(case.rglob("*")) if path.is_file()}
        for case in sorted((ROOT / "tests" / "cases" / "import").glob("*/source"))
    ]

    def missing(path: str) -> bytes:
        raise FileNotFoundError(path)

    def claimed(files: dict[str, bytes]) -> int:
        sources = [Source(path, path, raw, False, Path(path).parent.name or "shop") for path, raw in files.items()]
        claims = recognized(sources)
        for name, group in claims.items():
            for draft in convert(name, group, sources, missing).drafts:
                draft.text()
        return sum(map(len, claims.values()))

    every = [claimed(files) for files in cases]  # the first time, modules are imported
    costs: dict[int, list[float]] = {}
    count = 0
    while count < 1000:
        for number, files in enumerate(cases):
            start = time.process_time()
            claimed(files)
            costs.setdefault(number, []).append((time.process_time() - start) / max(every[number], 1))
            count += every[number]
    means = [statistics.mean(figures) for figures in costs.values()]
    overall = sum(statistics.mean(figures) * every[number] for number, figures in costs.items()) / sum(every)
    print(
        f"{count:,} imports  {overall * 1000:.2f} ms a source, {max(means) * 1000:.2f} in the slowest case (at most 20)"
    )


def parallel(folder: Path) -> None:
    specs = []
    for number in range(20):
        spec = folder / f"s{number}.yml"
        spec.write_text(SPEC.read_text().replace("name: orders\n", f"name: orders-{number}\n", 1))
        specs.append(str(spec))
    script = (
        "import sys, time; from pathlib import Path; from fsdcf.batch import *; from fsdcf.pipeline import Request; "
        "r = [Request(p, Path(p).read_bytes(), 'staging') for p in sys.argv[2:]]; s = time.perf_counter(); "
        "o = list(compile_all(r, BatchOptions(workers=int(sys.argv[1])))); assert all(x.text for x in o); "
        "import resource as u; a, b = (u.getrusage(who).ru_maxrss for who in (u.RUSAGE_SELF, u.RUSAGE_CHILDREN)); "
        "print(time.perf_counter() - s, a / 1024, b / 1024)"
    )
    figures = {}
    for workers in (1, 2):
        out = subprocess.run(
            [sys.executable, "-c", script, str(workers), *specs], capture_output=True, text=True, check=True
        ).stdout.split()
        figures[workers] = [float(figure) for figure in out]
    parent, child = figures[2][1], figures[2][2]
    print(f"20 with lint   {figures[1][0] / figures[2][0]:.2f} times faster with two workers (at least 1.60)")
    print(f"               at most {parent + 2 * child:.0f} MiB in all, shared pages counted thrice (at most 600)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    with tempfile.TemporaryDirectory() as name:
        commands(Path(name), parser.parse_args().runs)
        many()
        repository(Path(name))
        imports()
        parallel(Path(name))
    measure(5)
