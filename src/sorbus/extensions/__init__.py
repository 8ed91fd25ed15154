"""The extensions that come with Sorbus; each uses the public door only, see `sorbus.resource.extensions`."""
