/**
 * The permission table: what may be done, and by whom. One place, asked first by every command and reader.
 * Today the platform's administrator is the only principal; roles in teams narrow this table, not its callers.
 */
import type { Ctx, Principal } from '../../graphql/context.ts';
import { Fault } from '../../lib/fault.ts';

export type Permission =
  | 'READ'
  | 'WRITE_MODEL'
  | 'WRITE_DEPLOYMENT'
  | 'DRIVE_ROLLOUT'
  | 'WRITE_EXPERIMENT'
  | 'MANAGE_TEAM'
  | 'MANAGE_PLATFORM';

const ALLOWED: Record<Permission, (principal: Principal, teamId: string | null) => boolean> = {
  READ: () => true,
  WRITE_MODEL: (p) => p.isPlatformAdmin,
  WRITE_DEPLOYMENT: (p) => p.isPlatformAdmin,
  DRIVE_ROLLOUT: (p) => p.isPlatformAdmin,
  WRITE_EXPERIMENT: (p) => p.isPlatformAdmin,
  MANAGE_TEAM: (p) => p.isPlatformAdmin,
  MANAGE_PLATFORM: (p) => p.isPlatformAdmin,
};

export const may = (ctx: Ctx, permission: Permission, teamId: string | null): boolean =>
  ALLOWED[permission](ctx.principal, teamId);

/** Throws a FORBIDDEN fault. `teamId` null asks for the platform as a whole. */
export function permit(ctx: Ctx, permission: Permission, teamId: string | null): void {
  if (may(ctx, permission, teamId)) return;
  throw new Fault('FORBIDDEN', `This needs the permission ${permission}.`);
}
