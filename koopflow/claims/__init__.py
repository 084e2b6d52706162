"""The papers' claims: what each measure computes from a run's tables, and the verdict that
follows."""
