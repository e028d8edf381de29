import { AdminService } from '../../gen/manam/admin/v1/admin_service_pb.js';

/** The services of the operators' address. Apart from the public ones, so that no client of those loads it. */
export const operatorServices = { admin: AdminService } as const;
