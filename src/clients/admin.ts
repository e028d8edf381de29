export * from '../../gen/manam/admin/v1/admin_service_pb.js';
