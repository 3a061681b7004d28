"""From SQLite to DynamoDB as the how-to tells it: every command of the page, in its order, with what it prints."""

from __future__ import annotations

import re
import runpy
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing

from tests.cli.stage import SMALL, Stage
from tests.conftest import ROOT
from tests.sandbox.cloudformation import inventory

PAGE = ROOT / "docs" / "how-to" / "graduate-to-dynamodb.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)


def shown(block: str) -> Iterator[tuple[str, list[str]]]:
    """The commands of a block with the lines that follow each."""
    for one in re.split(r"^\$ ", block, flags=re.M)[1:]:
        command, *lines = one.splitlines()
        yield command, lines


def pattern(lines: list[str]) -> str:
    """What the output must match: a line of ``…`` is any number of lines, within a line ``…`` is any text."""
    return "".join(r"(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*") + r"\n" for line in lines)


def exit_code(lines: list[str]) -> int:
    """The exit code that belongs to the shown end of a command."""
    return 3 if any(line.startswith("refused: ") for line in lines) else 0


def test_the_page_is_what_happens(stage: Stage) -> None:
    for language, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if language == "yaml":
            (stage.folder / "notes.yml").write_text(text, encoding="utf-8")
        elif language == "python":
            (stage.folder / "example.py").write_text(text, encoding="utf-8")
            runpy.run_path("example.py")
        elif not language:
            for command, lines in shown(text):
                result = stage(*shlex.split(command)[1:], expect=exit_code(lines))
                assert re.fullmatch(pattern(lines), result.output), f"$ {command}\n{result.output}"
    assert_graduated(stage)


def assert_graduated(stage: Stage) -> None:
    """The table has every row, the file system is nobody's, the service runs the new code with two tasks."""
    page = stage.site.aws.client("dynamodb").scan(TableName="staging-notes")
    with closing(sqlite3.connect("app.db")) as data:
        rows = data.execute("SELECT id, text, written_at FROM notes").fetchall()
    told = {one["id"]["N"]: (one["text"]["S"], one["written_at"]["S"]) for one in page["Items"]}
    assert told == {str(id): (text, written.replace(" ", "T") + "Z") for id, text, written in rows} and len(told) == 400
    left = {one["logical"] for one in inventory.every(stage.site.state) if one["owner"] is None}
    owned = {one["type"] for one in inventory.every(stage.site.state) if one["owner"] is not None}
    assert left == {"NotesFileSystem"} and "AWS::DynamoDB::Table" in owned
    assert not {"AWS::EFS::FileSystem", "AWS::EFS::MountTarget", "AWS::EFS::AccessPoint"} & owned
    status = stage("status", "notes").stdout
    assert "notes:two" in status and "tasks    2 of 2 running" in status
    assert all(connection.sandbox for connection in stage.connections[:-1])


TABLE = (
    "dependencies:\n  - {type: aws_dynamodb_table, name: '${ENV}-notes', "
    "keySchema: [{name: id, type: HASH}], attributes: [{name: id, type: N}]}\n"
)


def test_a_missing_table_and_one_with_another_key_are_refused(stage: Stage) -> None:
    with closing(sqlite3.connect("app.db")) as data:
        data.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)")
        data.execute("INSERT INTO notes VALUES (1, 'one')")
        data.commit()
    words = ("migrate-data", "hello.yml", "--table", "notes", "--from", "app.db", "--sandbox")
    spec = stage.folder / "hello.yml"
    assert "has no dependency aws_dynamodb_table; add the table, and deploy it first" in stage(*words, expect=2).stderr
    spec.write_text(SMALL + TABLE)
    absent = stage(*words, expect=2).stderr
    assert "the table 'staging-notes' does not exist" in absent and "deploy the spec first" in absent
    stage.deploy("--yes")
    spec.write_text(SMALL + TABLE.replace("name: id", "name: text").replace("type: N", "type: S"))
    other = stage(*words, expect=2).stderr
    assert "has the key id (N), but the spec has text (S)" in other and "`fsdcf deploy SPEC --plan-only`" in other
    client = stage.site.aws.client("dynamodb")
    assert client.scan(TableName="staging-notes")["Count"] == 0 and not list(stage.folder.glob("*.migration.json"))
    spec.write_text(SMALL + TABLE)
    client.put_item(TableName="staging-notes", Item={"id": {"N": "1"}, "text": {"S": "mine"}})
    assert "already contains items" in stage(*words, expect=2).stderr
    assert "1 existing and different" in stage(*words, "--keep-existing").stdout
    assert client.scan(TableName="staging-notes")["Items"] == [{"id": {"N": "1"}, "text": {"S": "mine"}}]
