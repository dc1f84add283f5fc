"""`read-also`: thin commands over the use cases. A command is imported when it is called."""

import logging
import os
from importlib import import_module
from typing import Any, Final, NamedTuple

import click

from recommender.settings import log_form

__all__ = ["COMMANDS", "main"]


class Place(NamedTuple):
    """Where a command is, and the first sentence of its help."""

    module: str
    name: str
    help: str


COMMANDS: Final = {
    "import": Place("content", "import_", "Store the articles of files and addresses."),
    "export": Place("content", "export", "Write the articles of the store to PATH as JSON lines."),
    "backup": Place("content", "backup", "Copy the store to the new file PATH, while it is used."),
    "restore": Place("content", "restore_", "Put the backup PATH in the place of the store."),
    "rebuild": Place(
        "snapshot_commands", "rebuild_", "Build a snapshot of the store, and publish it."
    ),
    "compact": Place(
        "snapshot_commands", "compact_", "Build a snapshot of what is analyzed already."
    ),
    "snapshots": Place(
        "snapshot_commands", "snapshots", "List, verify, roll back and remove snapshots."
    ),
    "upgrade": Place(
        "upgrade_command", "upgrade", "Bring what an earlier release has left up to this one."
    ),
    "check": Place("maintenance", "check", "Check that store and snapshots are whole and agree."),
    "status": Place("status", "status", "Print how the service of this machine is."),
    "erase": Place("maintenance", "erase_", "Remove every trace of the article ID."),
    "config": Place(
        "config_commands", "config", "Check the settings, and say where each is given."
    ),
    "audit": Place("audit_command", "audit", "Print who changed what, the oldest change first."),
    "keys": Place("key_commands", "keys", "Make, list, revoke and rotate keys of the API."),
    "policy": Place("policy_commands", "policy", "Show and set the ranking policy."),
    "related": Place(
        "related_command",
        "related",
        "Print the Read also list of the article ID, or one that is like several articles.",
    ),
    "serve": Place("serve", "serve", "Serve the API and run the indexer, until interrupted."),
    "web": Place("serve", "web", "Serve the API; the indexer runs elsewhere."),
    "indexer": Place("indexer_command", "indexer", "Analyze what is written, until interrupted."),
    "jobs": Place("jobs_command", "jobs", "Do what is asked for in the console, until it is done."),
    "webhooks": Place("webhook_commands", "webhooks", "Tell other servers what happens: webhooks."),
    "demo": Place("demo_command", "demo", "Import the sample archive, show a list, and serve it."),
    "adapt": Place("adapt", "adapt_", "Tune the encoder on the archive's own texts."),
    "evaluate": Place("evaluate", "evaluate", "Measure how good the lists are."),
}
"""Every command; `--help` prints this table and imports none of them."""

SERVICES: Final = frozenset({"serve", "web", "indexer"})
"""Commands that run for long: they log more than warnings."""


class LazyCommands(click.Group):
    """Imports a command when it is called; prints errors as one line, with an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Name the commands, in alphabetical order."""
        return sorted(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        cmd_name: str,
    ) -> click.Command | None:
        """Import a command; None if there is none of that name."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        command: click.Command = getattr(
            import_module(f"recommender.cli.{place.module}"), place.name
        )
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands into the help without importing them."""
        with formatter.section("Commands"):
            names = self.list_commands(ctx)
            formatter.write_dl([(name, COMMANDS[name].help) for name in names])

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own type
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except KeyboardInterrupt:
            click.echo("read-also: interrupted; finished work is kept, run it again", err=True)
            ctx.exit(130)
        except Exception as error:
            from recommender.cli.terminal import exit_code_of  # noqa: PLC0415 - not for --help

            code = exit_code_of(type(error))
            if code is None:
                raise
            click.echo(f"read-also: {_explain(error)}", err=True)
            ctx.exit(code)


def _explain(error: Exception) -> str:
    """The message of an error; of a lock it also says which process holds that."""
    from index import Locked  # noqa: PLC0415 - not for --help
    from recommender.cli.lock_holder import name_holder  # noqa: PLC0415 - not for --help

    return name_holder(str(error)) if isinstance(error, Locked) else str(error)


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="read-also")
@click.option("--config", metavar="FILE", help="A TOML file with settings: READ_ALSO_CONFIG.")
@click.pass_context
def main(context: click.Context, config: str | None) -> None:
    """Related articles for newsrooms: a Read also list under every story."""
    from recommender.logs import start_logging  # noqa: PLC0415 - not for --help

    os.umask(0o077)  # the store and its backups hold drafts and embargoed articles
    if config is not None:
        os.environ["READ_ALSO_CONFIG"] = config  # so that every process we start reads it too
    name = str(context.invoked_subcommand)
    level = logging.INFO if name in SERVICES else logging.WARNING
    start_logging(name, log_form(), level)
