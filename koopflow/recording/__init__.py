"""How a trajectory comes into its file: the layout, the writer, the recorder for any training loop, and what else can be read."""
