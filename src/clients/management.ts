export * from '../../gen/manam/v1/management_people_pb.js';
export * from '../../gen/manam/v1/management_service_pb.js';
export * from '../../gen/manam/v1/management_settings_pb.js';
export * from '../../gen/manam/v1/management_users_pb.js';
