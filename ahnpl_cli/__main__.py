"""The `ahnpl` script and `python -m ahnpl_cli`, which `torchrun` needs."""

from ahnpl_cli.cli import interrupts, streams


def main() -> None:
    """Run the program; the command line itself is imported once Ctrl-C is heeded."""
    interrupts.before_work()
    streams.open_missing()
    from ahnpl_cli.cli.app import app

    app(prog_name="ahnpl")


if __name__ == "__main__":
    main()
