"""What `import koopflow` offers: functions and classes over the rooms below, each with an example that runs."""
