"""The one exception that means "the user can fix this", and how a message quotes another exception."""


class UserError(Exception):
    """A mistake in the input: bad data, a wrong flag, a missing file, a name that does not exist.

    The message is one sentence or two for the person at the keyboard: it names the file and line, the column or
    the flag, says what was found and what to do. Commands print it without a traceback and exit with code 2.
    """


def first_line(error: BaseException) -> str:
    """What an exception of a library says, in one line; the name of its class if it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
