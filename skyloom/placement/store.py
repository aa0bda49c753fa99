"""The SQL of placement. A claim is one conditional statement per resource class: the database decides who wins."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import BindParameter, Integer, bindparam, delete, func, insert, select, update

from skyloom.db import Sql
from skyloom.placement.model import Allocation, Discrepancy, Inventory, Provider
from skyloom.placement.tables import allocation, inventory, resource_provider

PROVIDER = select(resource_provider.c.id, resource_provider.c.name, resource_provider.c.generation)
PROVIDER_BY_NAME = PROVIDER.where(resource_provider.c.name == bindparam("name"))
ADD_PROVIDER = insert(resource_provider)
REMOVE_PROVIDER = delete(resource_provider).where(resource_provider.c.id == bindparam("b_id"))
BUMP = (
    update(resource_provider)
    .where(resource_provider.c.id == bindparam("b_id"))
    .values(generation=resource_provider.c.generation + 1)
)
INVENTORY = select(
    inventory.c.provider_id,
    inventory.c.resource_class,
    inventory.c.total,
    inventory.c.reserved,
    inventory.c.allocation_ratio,
    inventory.c.min_unit,
    inventory.c.max_unit,
    inventory.c.step_size,
    inventory.c.used,
)
INVENTORY_OF = INVENTORY.where(inventory.c.provider_id == bindparam("provider_id"))
ADD_INVENTORY = insert(inventory)
SAME_INVENTORY = (inventory.c.provider_id == bindparam("b_provider_id")) & (
    inventory.c.resource_class == bindparam("b_resource_class")
)
SET_INVENTORY = (
    update(inventory)
    .where(SAME_INVENTORY)
    .values(
        {
            name: bindparam(f"b_{name}")
            for name in ("total", "reserved", "allocation_ratio", "min_unit", "max_unit", "step_size", "capacity")
        }
    )
)
REMOVE_INVENTORY = delete(inventory).where(SAME_INVENTORY)
AMOUNT: BindParameter[int] = bindparam("amount", type_=Integer)
CLAIM = (
    update(inventory)
    .where(
        SAME_INVENTORY,
        inventory.c.used + AMOUNT <= inventory.c.capacity,
        inventory.c.min_unit <= AMOUNT,
        inventory.c.max_unit >= AMOUNT,
        AMOUNT % inventory.c.step_size == 0,
    )
    .values(used=inventory.c.used + AMOUNT)
)
GIVE_BACK = update(inventory).where(SAME_INVENTORY).values(used=inventory.c.used - AMOUNT)
ADD_ALLOCATION = insert(allocation)
ALLOCATION_OF = (
    select(allocation.c.provider_id, resource_provider.c.name, allocation.c.resource_class, allocation.c.used)
    .join(resource_provider, resource_provider.c.id == allocation.c.provider_id)
    .where(allocation.c.consumer_id == bindparam("consumer_id"))
    .order_by(allocation.c.resource_class)
)
TAKE_ALLOCATION = (
    delete(allocation)
    .where(allocation.c.consumer_id == bindparam("b_consumer_id"))
    .returning(allocation.c.provider_id, allocation.c.resource_class, allocation.c.used)
)
ALLOCATED = (
    select(allocation.c.provider_id, allocation.c.resource_class, func.sum(allocation.c.used).label("allocated"))
    .group_by(allocation.c.provider_id, allocation.c.resource_class)
    .subquery()
)
DISCREPANCIES = (
    select(
        resource_provider.c.name,
        inventory.c.resource_class,
        inventory.c.used,
        func.coalesce(ALLOCATED.c.allocated, 0),
    )
    .join(resource_provider, resource_provider.c.id == inventory.c.provider_id)
    .outerjoin(
        ALLOCATED,
        (ALLOCATED.c.provider_id == inventory.c.provider_id)
        & (ALLOCATED.c.resource_class == inventory.c.resource_class),
    )
    .where(inventory.c.used != func.coalesce(ALLOCATED.c.allocated, 0))
)


class PlacementStore:
    def provider(self, sql: Sql, name: str) -> Provider | None:
        row: Any = sql.execute(PROVIDER_BY_NAME, {"name": name}).one_or_none()
        return None if row is None else Provider(*row)

    def add_provider(self, sql: Sql, provider: Provider) -> None:
        sql.execute(ADD_PROVIDER, {"id": provider.id, "name": provider.name, "generation": provider.generation})

    def remove_provider(self, sql: Sql, provider_id: str) -> None:
        sql.execute(REMOVE_PROVIDER, {"b_id": provider_id})

    def bump(self, sql: Sql, provider_id: str) -> None:
        sql.execute(BUMP, {"b_id": provider_id})

    def inventories(self, sql: Sql) -> dict[str, dict[str, Inventory]]:
        """Provider name -> resource class -> inventory."""
        names: dict[str, str] = {row.id: row.name for row in sql.execute(PROVIDER)}
        found: dict[str, dict[str, Inventory]] = {name: {} for name in names.values()}
        row: Any
        for row in sql.execute(INVENTORY):
            if row[0] in names:
                found[names[row[0]]][row[1]] = Inventory(*row[1:])
        return found

    def inventories_of(self, sql: Sql, provider_id: str) -> dict[str, Inventory]:
        rows: Any = sql.execute(INVENTORY_OF, {"provider_id": provider_id})
        return {row[1]: Inventory(*row[1:]) for row in rows}

    def set_inventories(self, sql: Sql, provider_id: str, want: Iterable[Inventory]) -> bool:
        """Whether anything changed. `used` is never written here."""
        seen = self.inventories_of(sql, provider_id)
        changed = False
        for item in want:
            before = seen.pop(item.resource_class, None)
            values = _values(item)
            if before is None:
                used = {"provider_id": provider_id, "resource_class": item.resource_class, "used": 0}
                sql.execute(ADD_INVENTORY, {**values, **used})
            elif _values(before) != values:
                sql.execute(
                    SET_INVENTORY,
                    {**{f"b_{k}": v for k, v in values.items()}, **_key(provider_id, item.resource_class)},
                )
            else:
                continue
            changed = True
        for resource_class in seen:
            sql.execute(REMOVE_INVENTORY, _key(provider_id, resource_class))
            changed = True
        return changed

    def claim(self, sql: Sql, provider_id: str, resource_class: str, amount: int) -> bool:
        return sql.execute(CLAIM, {**_key(provider_id, resource_class), "amount": amount}).rowcount == 1

    def add_allocation(
        self, sql: Sql, consumer_id: str, provider_id: str, resources: Mapping[str, int], owner: tuple[str, str]
    ) -> None:
        project_id, user_id = owner
        rows = [
            {
                "consumer_id": consumer_id,
                "resource_class": resource_class,
                "provider_id": provider_id,
                "used": amount,
                "project_id": project_id,
                "user_id": user_id,
            }
            for resource_class, amount in resources.items()
        ]
        sql.execute(ADD_ALLOCATION, rows)

    def allocation_of(self, sql: Sql, consumer_id: str) -> Allocation | None:
        rows: Any = sql.execute(ALLOCATION_OF, {"consumer_id": consumer_id}).all()
        if not rows:
            return None
        return Allocation(consumer_id, rows[0][0], rows[0][1], {row[2]: row[3] for row in rows})

    def release(self, sql: Sql, consumer_id: str) -> dict[str, int]:
        """What the consumer held, by resource class; the counters go down by it."""
        rows: Any = sql.execute(TAKE_ALLOCATION, {"b_consumer_id": consumer_id}).all()
        for provider_id, resource_class, amount in sorted(rows, key=lambda row: str(row[1])):
            sql.execute(GIVE_BACK, {**_key(provider_id, resource_class), "amount": amount})
        return {row[1]: row[2] for row in rows}

    def discrepancies(self, sql: Sql) -> list[Discrepancy]:
        rows: Any = sql.execute(DISCREPANCIES)
        return [Discrepancy(*row) for row in rows]


def _key(provider_id: str, resource_class: str) -> dict[str, str]:
    return {"b_provider_id": provider_id, "b_resource_class": resource_class}


def _values(item: Inventory) -> dict[str, int | float]:
    return {
        "total": item.total,
        "reserved": item.reserved,
        "allocation_ratio": item.allocation_ratio,
        "min_unit": item.min_unit,
        "max_unit": item.max_unit,
        "step_size": item.step_size,
        "capacity": item.capacity,
    }
