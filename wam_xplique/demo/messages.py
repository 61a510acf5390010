"""What the demo tells its user when it cannot go on."""


class DemoError(ValueError):
    """The demo cannot go on, and says why."""
