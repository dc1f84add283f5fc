"""The wall clock may jump, so it only tells times; the monotonic clock measures durations."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
TELLS_TIMES = {
    "cli/key_commands.py": "whether the end of a key has passed",
    "cli/maintenance.py": "how old what is checked is",
    "cli/related_command.py": "what readers see now",
    "cli/terminal.py": "which moment a span from now means",
    "cli/webhook_commands.py": "when a test message was made",
    "evaluation/comparison.py": "what readers see now",
    "evaluation/runs.py": "what readers see now",
    "indexing/collection_catalog.py": "when another machine last gave a sign of filling",
    "indexing/rebuild.py": "what readers see now, for the gate",
    "operations/demo.py": "what readers see now",
    "operations/indexer_process.py": "which entries of the audit log are too old",
    "operations/status.py": "how old the live generation is, by its own date",
    "operations/webhook_sender.py": "when a message was signed, and is due again",
    "sources/fetching.py": "until the date that a server names",
    "sources/sitemaps.py": "whether a date lies in the future",
    "sources/uploads.py": "how long ago a file on the disk was written",
    "store/article_rows.py": "whether readers could see what is deleted",
    "store/audit_log.py": "when somebody wrote",
    "store/change_log.py": "when a change was made, and a machine last seen",
    "store/checkpoint_rows.py": "when a source was read",
    "store/jobs.py": "when a job was asked for, and was last heard of",
    "store/override_versions.py": "when editors chose",
    "store/policy_versions.py": "when a policy was set",
    "store/stored_keys.py": "when a key was made, and expires",
    "store/text_queue.py": "when texts that were read before are settled",
    "store/webhook_receivers.py": "when a receiver was added, and answered last",
    "web/auth.py": "whether a key has expired",
    "web/collection_state.py": "what readers see now",
    "web/console/access.py": "whether a session has ended",
    "web/console/appearing.py": "what readers see now",
    "web/console/beside.py": "what readers see now",
    "web/console/desk.py": "what readers see now",
    "web/console/embed.py": "whether an address still opens",
    "web/console/find.py": "what readers see now",
    "web/console/health.py": "how old the live generation is, by its own date",
    "web/console/home.py": "what readers see now",
    "web/console/making.py": "what readers see now",
    "web/console/mapping.py": "how old stories are",
    "web/console/page.py": "how many days ago something was",
    "web/console/quality.py": "what readers see now",
    "web/console/rules.py": "what readers see now",
    "web/console/signing_in.py": "when a session begins, and which have ended",
    "web/console/start.py": "what readers see now",
    "web/console/steering.py": "which pins hold now",
    "web/console/uploading.py": "whether a key has expired",
    "web/gauges.py": "how old the live generation is, by its own date",
    "web/sample_site/pages.py": "what readers see now",
    "web/state.py": "what readers see now",
    "web/status_routes.py": "what readers see now",
}
"""By module, which time it asks the wall clock for. A new one must not be a duration."""
WALL = {("time", "time"), ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today")}


def reads_wall_clock(path: Path) -> bool:
    return any(
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr) in WALL
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
    )


def test_only_what_tells_a_time_reads_the_wall_clock() -> None:
    sources = [*(ROOT / "recommender").rglob("*.py"), *(ROOT / "index").rglob("*.py")]
    sources.append(ROOT / "service.py")
    found = {str(path.relative_to(ROOT)) for path in sources if reads_wall_clock(path)}
    assert found == {f"recommender/{name}" for name in TELLS_TIMES}
