"""What config will provide; until then the least that study and compare need of it."""

from mnistlib import config


def _row_name(recipe: config.Recipe) -> str:
    from mnistlib.ablations import ROWS

    return config.named(recipe, ROWS) or recipe.model


row_name = getattr(config, "row_name", _row_name)
carried = getattr(config, "carried", lambda recipe: None)
receive = getattr(config, "receive", lambda sent: None)
