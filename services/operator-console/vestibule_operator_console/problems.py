"""Why an operator's wish cannot be fulfilled: one sentence what is wrong, one what to do."""


class ConsoleProblem(Exception):
    """Told to a person as it is; `exit_code` is what a program gets."""

    exit_code = 1

    def __init__(self, wrong: str, advice: str = "") -> None:
        super().__init__(f"{wrong} {advice}".strip())
        self.wrong = wrong
        self.advice = advice


class Unusable(ConsoleProblem):
    """What was asked for makes no sense as written, or the configuration does not."""

    exit_code = 2


class NotThere(ConsoleProblem):
    """It names something that does not exist."""

    exit_code = 3


class Conflict(ConsoleProblem):
    """What is there already stands against it."""

    exit_code = 3


class Unreachable(ConsoleProblem):
    """The database does not answer, or not to us."""

    exit_code = 4
