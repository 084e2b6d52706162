"""The public interface of `import koopflow`; each function and class has a tested example."""
