"""`python -m ahnpl_cli`, which `torchrun` needs."""

from ahnpl_cli.cli.app import main

if __name__ == "__main__":
    main()
