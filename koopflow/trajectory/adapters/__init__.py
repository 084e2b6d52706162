"""Trajectories from elsewhere: callbacks for Lightning and Hugging Face, folders of checkpoints or
arrays."""
