"""The one exception of the library: what a user did wrong, in one line."""


class SparksError(Exception):
    """Bad input. The message is one line that names the thing and the way out.

    Scripts print it and exit with a non-zero status, without a traceback. Every other exception
    is a bug and keeps its traceback.
    """
