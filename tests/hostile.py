"""Strings that try to be more than data: in YAML, shells, workflows of GitHub, Markdown, HTML, terminals and
CloudFormation."""

from __future__ import annotations

from hypothesis import strategies as st

PIECES = (
    *(
        "${{",
        "}}",
        "${{ secrets.AWS_KEY }}",
        "$${{",
        "${${{",
        "'",
        '"',
        "`",
        "\\",
        "\\'",
        "${{ '",
        "' }}",
        "$",
        "$$",
        "{",
    ),
    *("$(touch pwned)", "`touch pwned`", "; touch pwned;", "&& touch pwned", "| touch pwned", "$HOME", "!!", "*", "~"),
    *(
        "# ",
        " #",
        ": ",
        "- ",
        "? ",
        "! ",
        "& ",
        "%",
        "@",
        "[",
        "]",
        "}",
        ",",
        "|",
        ">",
        "<",
        "<<",
        "---",
        "...",
        "null",
    ),
    *(
        "</details>",
        "<script>",
        "<!--",
        "-->",
        "]]>",
        "&amp;",
        "**",
        "__",
        "~~~",
        "```",
        "](javascript:a)",
        "![",
        "\\|",
    ),
    *("::error::", "::set-output name=a::", "%0A", "%25", "##[error]", "://", "@everyone", "#1"),
    *("\x1b[31m", "\x1b]0;title\x07", "\x9b", "\x7f", "\u202e", "\u2066", "\u200b", "\ufeff", "\xa0", "\u2028", "\x85"),
    *("\U000e0001", "\U0001f600", "é", " ", "a", "--flag", "{service}", "{{resolve:ssm:a}}", "end", "style", "click"),
)
"""The parts of a hostile text, which fit on a line."""

BREAKS = ("\n", "\r", "\r\n", "\n::error::x", "\n# a", "\n- a", "\n\n<b>", "\t")
"""What ends a line."""


def texts(*more: str, longest: int = 8) -> st.SearchStrategy[str]:
    """Hostile texts, also of these parts: short ones, and a few that are very long."""
    piece = st.one_of(
        st.sampled_from((*PIECES, *more)), st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=4)
    )
    short = st.lists(piece, max_size=longest).map("".join)
    return st.one_of(short, short, short, st.builds(lambda text, times: text * times, short, st.sampled_from((1, 400))))
