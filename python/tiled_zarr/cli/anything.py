"""The command `serve`: a group of commands, which takes any other words as what to serve."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

ANYTHING = ""
"""The name of the command that serves words which are no command; nobody can type it."""


class Unnamed(click.Context):
    """A call of a command that has no name."""

    @property
    def command_path(self) -> str:
        """The words before its own, without the blank that stands for its name."""
        return super().command_path.rstrip()


class Words(click.Command):
    """The command ANYTHING."""

    context_class = Unnamed


class Anything(click.Group):
    """A group whose command ANYTHING gets all words if the first one is no command."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words; the help option and the names of commands are those of the group."""
        if args and args[0] not in {*self.list_commands(ctx), *ctx.help_option_names}:
            args = [ANYTHING, *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands that can be typed."""
        return [name for name in super().list_commands(ctx) if name != ANYTHING]

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands or options that begin so, and, for the shell, to add files."""
        if incomplete.startswith("-"):
            return self.commands[ANYTHING].shell_complete(ctx, incomplete)
        return [*super().shell_complete(ctx, incomplete), CompletionItem(incomplete, type="file")]

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """The pieces of the line that says how to use it: those of ANYTHING."""
        return self.commands[ANYTHING].collect_usage_pieces(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of ANYTHING, then the commands."""
        click.Command.format_options(self.commands[ANYTHING], ctx, formatter)
        self.format_commands(ctx, formatter)
