"""`python -m recommender` is `read-also`."""

from recommender.cli import main

main()
