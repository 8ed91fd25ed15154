SELECT set_config('search_path', current_setting('sorbus.search_path'), true)
