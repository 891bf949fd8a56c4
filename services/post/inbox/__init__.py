"""Mail in: kept whole first, then told apart, then handed to intake or to a person."""
