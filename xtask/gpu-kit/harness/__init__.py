"""What every stage of the GPU kit needs: options, commands with time limits, results on disk."""
