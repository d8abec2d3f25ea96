"""What the use cases need from the outside world, one Protocol a file. Adapters keep the promises written here."""
