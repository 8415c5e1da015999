"""Several tasks on one backbone, trained together and served as one model."""
