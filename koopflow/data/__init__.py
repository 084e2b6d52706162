"""What is trained on and what is forecast: `koopflow.data.images` and `koopflow.data.series`, each with a registry of sources."""
