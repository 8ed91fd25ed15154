"""The application that the Django side of the core suite consists of."""
