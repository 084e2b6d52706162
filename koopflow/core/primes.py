"""Prime numbers."""

from math import isqrt


def is_prime(number: int) -> bool:
    """Return whether `number` is a prime.

    >>> [number for number in range(12) if is_prime(number)]
    [2, 3, 5, 7, 11]
    """
    return number > 1 and all(number % divisor for divisor in range(2, isqrt(number) + 1))
