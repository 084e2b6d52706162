"""Images to train on and series to forecast: `koopflow.data.images` and `koopflow.data.series`,
each with a registry of sources."""
