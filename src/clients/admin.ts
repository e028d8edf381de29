/** The operators' service, for `createClient(AdminService, createTransport({ url: adminUrl, … }))` with an operator's key. */
export * from '../../gen/manam/admin/v1/admin_service_pb.js';
