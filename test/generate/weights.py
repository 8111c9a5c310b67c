"""How often each construct is tried, where one of its kind fits."""

WEIGHTS = {
    # scalars
    "real_leaf": 6, "real_unary": 8, "real_binary": 10, "real_if": 2, "real_select": 1, "real_sum": 7, "real_whole": 4, "real_loop": 3,
    "real_let": 4, "real_call": 3, "real_element": 7, "real_ranged": 1, "real_triangle": 1, "real_dependent": 1, "real_while": 1, "real_counted": 3,
    "real_pair_while": 0.5, "real_matrix": 1, "real_applied": 1, "real_named": 0.7, "real_checkpoint": 1, "real_derived": 1,
    "real_operator": 1.5, "real_record": 1, "real_of_records": 2, "real_scatter2": 1, "real_extreme": 1, "real_assert": 1,
    "real_tuple": 1, "real_carries": 1, "real_branches": 0.7, "real_ruled": 2, "real_std": 2, "real_stopped": 0.4, "real_whole_number": 0.5,
    "real_constrained": 0.5, "real_generic": 0.5, "real_below_zero": 1, "real_around": 0.7, "real_neighbours": 1, "real_three": 0.5,
    "real_short": 2, "real_counting": 0.7, "real_mask": 0.7, "real_nested": 0.5, "real_unbounded": 0.7, "real_place": 0.5,
    # arrays
    "array_leaf": 6, "array_each": 7, "array_unary": 3, "array_binary": 5, "array_row": 2, "array_product": 3, "array_if": 1,
    "array_let": 2, "array_loop": 2, "array_scan": 1, "array_two_scans": 0.7, "array_concat": 3, "array_reverse": 1, "array_slice": 1,
    "array_columns": 2, "array_scatter": 2, "array_scatter_rows": 1, "array_with": 1.5, "array_with_row": 1, "array_cumsum": 1,
    "array_call": 1, "array_transpose": 1, "array_outer": 2, "array_stack": 3, "array_cross": 2, "array_diagonal": 0.7,
    "array_counted": 0.5, "array_solved": 2, "array_sorted": 1, "array_records": 1, "array_batched": 1, "array_batch": 1,
    "array_reshape": 1, "array_derived": 1, "array_operator": 1, "array_applied": 1, "array_checkpoint": 1, "array_window": 1,
    "array_ruled": 1.5, "array_std": 1.5, "array_ranged": 1, "array_plane": 1,
}
