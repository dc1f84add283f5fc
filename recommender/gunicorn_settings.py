"""Settings of the production server that no deployment needs to choose. Gunicorn reads this module.

It must stay free of imports: it is read in the process that forks the workers, and nothing may be
forked after FAISS or torch was touched.
"""

worker_class = "gthread"
threads = 8
preload_app = False
timeout = 30
graceful_timeout = 10
keepalive = 5
control_socket_disable = True
