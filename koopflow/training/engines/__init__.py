"""Engines compute losses and gradients of all replicas: by batched matrix products, through vmap,
or one by one."""
