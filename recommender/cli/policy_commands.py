"""Commands for the ranking policy: show, set."""

import json
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from index import Catalog
from recommender.cli.archive_in_use import open_settings
from recommender.cli.terminal import EXISTING_PATH, current_actor
from recommender.errors import InvalidPolicy
from recommender.indexing.snapshots import open_or_create, read_live_manifest
from recommender.ranking.policy import MOST_POLICY_BYTES, ActivePolicy, Policy, parse_policy
from recommender.ranking.vector_share import SHARES_NOTE, read_shares
from recommender.settings import Settings
from recommender.store import open_store

__all__ = ["policy"]


@click.group()
def policy() -> None:
    """Show and set the ranking policy.

    It has the weights, half-lives and thresholds by which lists are made.
    """


@policy.command()
@click.option(
    "--differences",
    is_flag=True,
    help="Print only the fields that differ from the defaults, as `policy set` takes them.",
)
def show(differences: bool) -> None:
    """Print the active policy, which fields differ from the defaults, and measured weights.

    `measured` has, by language, the share of vectors in the score of briefs and of reports, from
    what the last rebuild measured it, and what that means. It counts where the policy sets no
    weights.

    Version 0 is the defaults, which are active until a policy is set.
    """
    settings = open_settings(only_reads=True)
    with closing(open_store(settings.database_url, must_exist=True)) as store:
        active_policy = store.policies.active()
    if active_policy.fault is not None:
        click.echo(f"not active: {active_policy.fault}", err=True)
    if differences:
        shown = active_policy.policy.to_document()
    else:
        shown = _described(active_policy) | {"measured": _measured(settings)}
    click.echo(json.dumps(shown, ensure_ascii=False, indent=2))


@policy.command("set")
@click.argument("path", metavar="FILE", type=EXISTING_PATH)
def set_(path: Path) -> None:
    """Set the policy: the defaults, with the fields in FILE changed.

    FILE is a JSON object of fields, see docs/policy.md; {} goes back to the defaults. Lists follow
    within a second. Earlier policies are kept as history. Setting the active policy again changes
    nothing.
    """
    wanted = _read(path)
    with closing(open_or_create(open_settings())) as store:
        done = store.acting(current_actor()).policies.set(wanted)
    click.echo(f"{done.result}: policy version {done.version}, change {done.change}")


def _described(active_policy: ActivePolicy) -> dict[str, Any]:
    stored, differences = active_policy.stored, active_policy.policy.to_document()
    usual = Policy().to_document(full=True)
    return {
        "version": active_policy.version,
        "change": 0 if stored is None else stored.change,
        "set_at": None if stored is None else stored.at.isoformat(timespec="seconds"),
        "policy": active_policy.policy.to_document(full=True),
        "differs": {
            name: {"value": value, "default": usual[name]} for name, value in differences.items()
        },
    }


def _measured(settings: Settings) -> dict[str, Any]:
    """By language and kind of text, the share of vectors that the live snapshot has measured."""
    live = read_live_manifest(Catalog(settings.data.snapshots))
    shares = read_shares("" if live is None else live.notes.get(SHARES_NOTE, ""))
    return {
        language: {kind: asdict(share) | {"meaning": str(share)} for kind, share in kinds.items()}
        for language, kinds in shares.by_language.items()
    }


def _read(path: Path) -> Policy:
    with path.open("rb") as file:
        document = file.read(MOST_POLICY_BYTES + 1)
    try:
        return parse_policy(document)
    except InvalidPolicy as refusal:
        raise InvalidPolicy(f"{path}: {refusal.summary}", refusal.faults) from None
