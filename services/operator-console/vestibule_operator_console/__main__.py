"""`python -m vestibule_operator_console` is the command line."""

import sys

from vestibule_operator_console.command_line import main

if __name__ == "__main__":
    sys.exit(main())
