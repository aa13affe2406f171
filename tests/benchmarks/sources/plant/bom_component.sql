SELECT sku AS parent_item_id, component AS component_item_id, qty_per FROM bom
