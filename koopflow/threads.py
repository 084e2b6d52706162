"""How many threads this process may use: what BLAS was told, by the rule's `threads:` or by the user's environment."""

from threadpoolctl import threadpool_info


def allowed_threads() -> int:
    """Return the number of threads of numpy's products, 1 where no BLAS says any."""
    return max((library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"), default=1)
