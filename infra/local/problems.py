"""What can go wrong here, and how it is answered: one line that says what to do, and an exit code."""


class LocalStackError(Exception):
    """Something that was started did not come up or did not stop; the text names it and where to look."""

    exit_code = 1


class MissingPrerequisite(LocalStackError):
    """This machine lacks something we cannot bring ourselves; the text says what to install or set."""

    exit_code = 2


class InvalidSetting(LocalStackError):
    """A setting has a value we do not know; the text names it and lists the values it takes."""

    exit_code = 2
