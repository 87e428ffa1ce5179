"""One seed, several independent streams of random numbers."""

from hashlib import sha256


def stream(seed: int, purpose: str) -> int:
    """A seed of its own for each source of randomness, so that one does not shift another."""
    return int.from_bytes(sha256(f"{seed} {purpose}".encode()).digest()[:8], "big") >> 1
