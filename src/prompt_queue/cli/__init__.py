"""The command line. Every file here is one command or one idea; `main` is the entry point."""

import sys
from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Run the command that the arguments name, and exit with its code.

    What we know can go wrong becomes one line on standard error; Ctrl-C ends without a word.
    """
    # Imported in here, so that Ctrl-C during the imports leaves no traceback either.
    try:
        from prompt_queue.cli.commands import app
        from prompt_queue.cli.errors import ExitCode, exit_code_of, print_bug, print_error

        sys.excepthook = print_bug
        try:
            app(prog_name="prompt-queue")
        except Exception as error:
            code = exit_code_of(error)
            if code is None:
                raise
            print_error(str(error))
            sys.exit(code)
        sys.exit(ExitCode.OK)
    except KeyboardInterrupt:
        sys.exit(130)
