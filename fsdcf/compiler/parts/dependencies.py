"""The dependencies: their resources, and the service's access to each in a policy of its own."""

from __future__ import annotations

from fsdcf.compiler.parts.roles import add_policy
from fsdcf.compiler.stack import Context, Names, StackPart, Variable
from fsdcf.language.names import dependency_path, local_name


def dependencies(context: Context) -> StackPart:
    """What every dependency adds, sorted by type and name: their order in the spec does not matter."""
    part = StackPart()
    typed = [(context.types[each.type], local_name(each.name), each) for each in context.spec.dependencies]
    for kind, local, dependency in sorted(typed, key=lambda item: (item[0].name, item[1])):
        names = Names(local, dependency_path(kind.name, local))
        grant = kind.compile(dependency, names, context)
        part.fold(grant)
        if grant.statements:
            title = names.id("".join(word.capitalize() for word in kind.category.split("-")) + "Access")
            add_policy(part, title, title, grant.statements, names.origin)
        part.variables |= {name: Variable(text, names.origin) for name, text in grant.environment.items()}
        part.attributes[kind.category, local] = grant.values
    return part
