"""The password reset of Auth0's `/dbconnections/change_password`, for any Django site."""

__all__ = ["__version__"]

__version__ = "0.1.0"
