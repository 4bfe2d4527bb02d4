"""`python -m matrixscan`: the same verbs as the noxfile's sessions."""

from matrixscan.cli import main

main()
