"""``python -m fsdcf`` is the command ``fsdcf``."""

from fsdcf.cli.main import main

main()
