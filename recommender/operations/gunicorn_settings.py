"""Settings of the production server that no deployment needs to choose. Gunicorn reads this module.

It must import nothing heavy: it is read in the process that forks the workers, and nothing may be
forked after FAISS or torch was touched.
"""

from recommender.operations.supervision import die_with_supervisor

worker_class = "gthread"
threads = 8
preload_app = False
timeout = 30
graceful_timeout = 10
keepalive = 5
limit_request_line = 8190  # bytes, the most there is; of ids to exclude few fit into 4094
control_socket_disable = True
umask = 0o077  # the store and its copies hold drafts and what is under embargo


def on_starting(_server: object) -> None:
    """End when the supervisor dies, rather than hold the port against the next one."""
    die_with_supervisor()
