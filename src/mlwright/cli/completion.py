"""`mlwright completion`: scripts that teach a shell the commands and options."""

from __future__ import annotations

import sys
from typing import Literal


def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print shell completion.

    For bash: mlwright completion bash > ~/.local/share/bash-completion/completions/mlwright

    Args:
        shell: The shell.
    """
    from mlwright.cli.main import application

    sys.stdout.write(application().generate_completion(prog_name="mlwright", shell=shell))
