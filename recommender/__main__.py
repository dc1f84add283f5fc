"""`python -m recommender` is `read-also`."""

import sys

# Python puts the current folder first, whose `index/` or `service.py` would be taken for ours,
# unless this program itself was found there.
if not sys.flags.safe_path and __file__ != f"{sys.path[0]}/recommender/__main__.py":
    del sys.path[0]

from recommender.cli import main

main()
