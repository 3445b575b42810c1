"""The pages behind a mailed link."""
